#include "base/replace_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define MODE 0644

static void
forget(struct replace_file *file)
{
	free(file->temporary);
	file->temporary = NULL;
	file->out = NULL;
}

/* mkstemp() makes files that only their owner can read. */
static int
set_mode(int fd)
{
	mode_t mask = umask(0);

	umask(mask);
	return fchmod(fd, MODE & ~mask);
}

int
replace_file_begin(struct replace_file *file, const char *path)
{
	int fd, error;

	file->out = NULL;
	file->path = path;
	if (asprintf(&file->temporary, "%s.XXXXXX", path) < 0) {
		file->temporary = NULL;
		errno = ENOMEM;
		return -1;
	}
	fd = mkostemp(file->temporary, O_CLOEXEC);
	if (fd >= 0 && set_mode(fd) == 0)
		file->out = fdopen(fd, "w");
	if (file->out)
		return 0;
	error = errno;
	if (fd >= 0) {
		close(fd);
		unlink(file->temporary);
	}
	forget(file);
	errno = error;
	return -1;
}

int
replace_file_check(const char *path)
{
	struct replace_file file;
	struct stat status;

	/* As root, it would be possible to replace a device. */
	if (stat(path, &status) == 0 && !S_ISREG(status.st_mode)) {
		errno = S_ISDIR(status.st_mode) ? EISDIR : ENOTSUP;
		return -1;
	}
	if (replace_file_begin(&file, path) != 0)
		return -1;
	replace_file_discard(&file);
	return 0;
}

/* Writes what is buffered.  An error of an earlier write counts as well. */
static int
close_file(FILE *out)
{
	/* Its errno is lost. */
	int error = ferror(out) ? EIO : 0;

	if (fflush(out) != 0)
		error = errno;
	/* NFS can report a full disk here. */
	if (fclose(out) != 0 && error == 0)
		error = errno;
	errno = error;
	return error ? -1 : 0;
}

int
replace_file_commit(struct replace_file *file)
{
	FILE *out = file->out;

	file->out = NULL;
	if (close_file(out) != 0 || rename(file->temporary, file->path) != 0) {
		replace_file_discard(file);
		return -1;
	}
	forget(file);
	return 0;
}

void
replace_file_discard(struct replace_file *file)
{
	int error = errno;

	if (file->out)
		fclose(file->out);
	unlink(file->temporary);
	forget(file);
	errno = error;
}
