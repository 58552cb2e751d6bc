/*
 * mistakes: explains where the syntax of a configuration file is wrong: a table
 * of the mistakes that people make, each with its error.  Pure.
 */
#ifndef ECHOD_CONFIG_MISTAKES_H
#define ECHOD_CONFIG_MISTAKES_H

#include "config/tokens.h"

/* What the syntax allows at a place. */
enum syntax_place {
	PLACE_SETTING, /* a name, the end of the group or of the text */
	PLACE_EQUALS,
	PLACE_ITEM,  /* a value or the end of the list that has begun */
	PLACE_VALUE, /* a value */
	PLACE_MORE,  /* after a value */
};

/* A bracket that is open; `mark` is '\0' at top level. */
struct syntax_bracket {
	char mark;
	int line;
	const char *start;
	struct token name; /* of the setting that it is the value of */
};

/* The first token that is wrong, and what is around it. */
struct mistake {
	const char *text;
	size_t length;
	enum syntax_place place;
	struct token token;
	struct token before[2]; /* [0] is the one before `token`; END: none */
	struct token name;	/* the last setting; END: none */
	struct token previous;	/* the one before it; END: none */
	struct token
		long_string; /* the first in whose lines a setting begins */
	const char *value;   /* the begin of its value or of the item */
	struct syntax_bracket bracket; /* the innermost */
	struct tokens rest;	       /* the text after `token` */
};

#define MISTAKE_REASON_SIZE 512

struct explanation {
	int line;
	char setting[64]; /* "": none */
	char reason[MISTAKE_REASON_SIZE];
};

/* Always finds a reason. */
void mistakes_explain(const struct mistake *mistake, struct explanation *out);

#endif
