# fish completion for echod(8)

# The lines "  NAME  TITLE" that the program itself prints.
function __echod_examples
    set -l program (string replace -r '^~/' "$HOME/" (commandline -opc)[1])
    command -q $program; or return
    $program --example 2>&1 | string replace -rf '^  (\S+) +' '$1\t'
end

function __echod_processes
    pgrep -x echod 2>/dev/null
end

complete -c echod -f
complete -c echod -s c -l config -r -F -d 'Configuration, - for standard input'
complete -c echod -s l -l listen -x -d 'Listen there'
complete -c echod -s p -l prefix -x -d 'Prefix of the echo'
complete -c echod -s s -l status -x -d 'Status port'
complete -c echod -s t -l test -d 'Check the configuration, say so, exit'
complete -c echod -s T -l dump -d 'Check it and print the effective configuration'
complete -c echod -s E -l example -x -a '(__echod_examples)' -d 'Print an example file'
complete -c echod -s r -l reload -x -a '(__echod_processes)' -d 'Make a daemon reload'
complete -c echod -s e -l stderr -d 'Log to standard error instead of syslog'
complete -c echod -s v -l verbose -d 'Log at debug level'
complete -c echod -s V -l version -d 'Versions of echod and its libraries'
complete -c echod -s h -l help -d 'Help text'
