# SPDX-License-Identifier: GPL-3.0-or-later
# fish completion for memview

function __memview_names
    cat /proc/*/comm 2>/dev/null | sort -u
end

function __memview_themes
    set -l config $HOME/.config
    set -q XDG_CONFIG_HOME; and set config $XDG_CONFIG_HOME
    for file in $config/memview/themes/*.ini $MEMVIEW_THEMES/*.ini /usr/local/share/memview/themes/*.ini /usr/share/memview/themes/*.ini
        string replace -r '.*/(.*)\.ini$' '$1' -- $file
    end
end

# No command word, PID or -- yet.
function __memview_first
    not __fish_seen_subcommand_from demo report json watch faults stacks heap leaks machine --
    and test (count (commandline -opc)) -eq 1
end

set -l batch '__fish_seen_subcommand_from report json watch faults stacks heap leaks; and not __fish_seen_subcommand_from --'
set -l plain '__fish_seen_subcommand_from report json watch; and not __fish_seen_subcommand_from --'
set -l ours 'not __fish_seen_subcommand_from machine --'
set -l machine '__fish_seen_subcommand_from machine; and not __fish_seen_subcommand_from --'
set -l screen 'not __fish_seen_subcommand_from report json watch faults stacks heap leaks machine --'
set -l paced 'not __fish_seen_subcommand_from report json faults stacks heap leaks --'

complete -c memview -f
complete -c memview -n __memview_first -a demo -d 'A built-in workload takes 100 MiB, page by page'
complete -c memview -n __memview_first -a report -d 'Print a process once, as text'
complete -c memview -n __memview_first -a json -d 'Print a process once, as JSON'
complete -c memview -n __memview_first -a watch -d 'Print one line per interval'
complete -c memview -n __memview_first -a faults -d 'Trace page faults for a while'
complete -c memview -n __memview_first -a stacks -d 'Print the call stack of each thread'
complete -c memview -n __memview_first -a heap -d 'Print what the malloc heap holds'
complete -c memview -n __memview_first -a leaks -d 'Print blocks that nothing points to'
complete -c memview -n __memview_first -a machine -d 'Print one line per interval about the machine'
complete -c memview -n __memview_first -a '(__fish_complete_pids)'
complete -c memview -n __memview_first -a '(__memview_names)' -d 'Process name'
complete -c memview -n $batch -a '(__fish_complete_pids)'
complete -c memview -n $batch -a '(__memview_names)' -d 'Process name'
complete -c memview -n $machine -a '(__fish_complete_pids)'
complete -c memview -n '__fish_seen_subcommand_from --' -a '(__fish_complete_subcommand --fcs-skip=2)'

complete -c memview -n $ours -s p -l process -x -a '(__memview_names)' -d 'A process by its name'
complete -c memview -n $screen -l theme -x -a '(__memview_themes)' -d Colours
complete -c memview -n $screen -l ascii -d 'Draw with ASCII only'
complete -c memview -n $screen -l no-color -d 'Draw without colours'
complete -c memview -n $screen -l mouse -d 'Take mouse clicks'
complete -c memview -n $screen -l no-mouse -d 'Leave the mouse to the terminal'
complete -c memview -n $paced -s i -l interval -x -a '0.1 0.5 1 2 5 10' -d 'Seconds between two looks'
complete -c memview -n __memview_first -s h -l help -d 'Show help'
complete -c memview -n __memview_first -s V -l version -d 'Show the version'
complete -c memview -n $plain -l quick -d 'Leave out what needs smaps'
complete -c memview -n '__fish_seen_subcommand_from json' -l pages -x -d 'Page states of START-END'
complete -c memview -n '__fish_seen_subcommand_from watch machine' -s n -l lines -x -d 'How many lines'
complete -c memview -n '__fish_seen_subcommand_from faults leaks' -s d -l duration -x -a '1 5 10 30 60' -d 'Seconds to trace for'
complete -c memview -n '__fish_seen_subcommand_from faults' -l period -x -a '1 101 1009' -d 'Look at one fault in so many'
complete -c memview -n '__fish_seen_subcommand_from faults' -l folded -d 'A line a call stack, for flame graphs'
complete -c memview -n '__fish_seen_subcommand_from faults stacks heap leaks machine' -l json -d 'JSON'
complete -c memview -n '__fish_seen_subcommand_from stacks leaks' -l exact -d 'Stop the process for a moment'
complete -c memview -n $machine -l openmetrics -r -F -d 'Write a file for Prometheus'
