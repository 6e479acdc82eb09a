function __statdump_should_offer_completions_for_flags_or_options -a expected_commands
    set -l non_repeating_flags_or_options $argv[2..]
    set -l non_repeating_flags_or_options_absent 0
    set -l positional_index 0
    set -l commands
    __statdump_parse_tokens
    test "$commands" = "$expected_commands"; and return $non_repeating_flags_or_options_absent
end

function __statdump_should_offer_completions_for_positional -a expected_commands positional_index_comparison expected_positional_index
    set -l non_repeating_flags_or_options
    set -l non_repeating_flags_or_options_absent 0
    set -l positional_index 0
    set -l commands
    __statdump_parse_tokens
    test "$commands" = "$expected_commands" -a \( "$positional_index" "$positional_index_comparison" "$expected_positional_index" \)
end

function __statdump_parse_tokens -S
    set -l unparsed_tokens (__statdump_tokens -pc)
    switch $unparsed_tokens[1]
    case 'statdump'
        __statdump_parse_subcommand -r 1 'base-id=' 'exclude=+' 'format=' 'used-only' 'type=+' 'watch=' 'rate=' 'sort=' 'top=' 'per-process' 'per-worker' 'tags' 'save=' 'diff=' 'since-start' 'describe' 'layout' 'check' 'list' 'remove' 'histogram-buckets=' 'version' 'h/help'
        switch $unparsed_tokens[1]
        case 'help'
            __statdump_parse_subcommand -r 1 'version'
        end
    end
end

function __statdump_tokens
    if test (string split -m 1 -f 1 -- . "$FISH_VERSION") -gt 3
        commandline --tokens-raw $argv
    else
        commandline -o $argv
    end
end

function __statdump_parse_subcommand -S -a positional_count
    argparse -s r -- $argv
    set -l option_specs $argv[2..]
    set -l is_repeating_positional $_flag_r
    set -el _flag_r
    set -a commands $unparsed_tokens[1]
    set positional_index 0
    while true
        set -e unparsed_tokens[1]
        argparse -sn "$commands" $option_specs -- $unparsed_tokens 2> /dev/null
        set unparsed_tokens $argv
        set positional_index (math $positional_index + 1)
        for non_repeating_flag_or_option in $non_repeating_flags_or_options
            if set -ql "_flag_$(string replace -a - _ -- $non_repeating_flag_or_option)"
                set non_repeating_flags_or_options_absent 1
                break
            end
        end
        test (count $unparsed_tokens) -eq 0 -o \( -z "$is_repeating_positional" -a "$positional_index" -gt "$positional_count" \) && break
    end
end

function __statdump_complete_directories
    set -l token (commandline -t)
    string match -- '*/' $token
    set -l subdirs $token*/
    printf %s\n $subdirs
end

function __statdump_custom_completion
    set -x SAP_SHELL fish
    set -x SAP_SHELL_VERSION $FISH_VERSION
    set -l tokens (__statdump_tokens -p)
    if test -z "$(__statdump_tokens -t)"
        set -l index (count (__statdump_tokens -pc))
        set tokens $tokens[..$index] \'\' $tokens[(math $index + 1)..]
    end
    command $tokens[1] $argv $tokens
end

complete -c 'statdump' -f
complete -c 'statdump' -n '__statdump_should_offer_completions_for_flags_or_options "statdump" base-id' -l 'base-id' -d 'The base id of the proxy.' -rfka ''
complete -c 'statdump' -n '__statdump_should_offer_completions_for_flags_or_options "statdump"' -l 'exclude' -d 'Leave out stats whose name has a match. Repeatable.' -rfka ''
complete -c 'statdump' -n '__statdump_should_offer_completions_for_flags_or_options "statdump" format' -l 'format' -d 'Form of the output: text, json, prometheus or csv.' -rfka 'text json prometheus csv'
complete -c 'statdump' -n '__statdump_should_offer_completions_for_flags_or_options "statdump" used-only usedonly' -l 'used-only' -l 'usedonly' -d 'Only stats that counted something.'
complete -c 'statdump' -n '__statdump_should_offer_completions_for_flags_or_options "statdump"' -l 'type' -d 'Only one kind: counter, gauge, histogram or text. Repeatable.' -rfka 'counter gauge histogram text'
complete -c 'statdump' -n '__statdump_should_offer_completions_for_flags_or_options "statdump" watch' -l 'watch' -d 'A live view, every second or as often as said. Keys: h shows them.' -rfka ''
complete -c 'statdump' -n '__statdump_should_offer_completions_for_flags_or_options "statdump" rate' -l 'rate' -d 'Value and change per second, over one second or as many as said.' -rfka ''
complete -c 'statdump' -n '__statdump_should_offer_completions_for_flags_or_options "statdump" sort' -l 'sort' -d 'Order: name, value or rate (which means --rate); the largest first.' -rfka 'name value rate'
complete -c 'statdump' -n '__statdump_should_offer_completions_for_flags_or_options "statdump" top' -l 'top' -d 'Only the first of that order; by value unless --sort says.' -rfka ''
complete -c 'statdump' -n '__statdump_should_offer_completions_for_flags_or_options "statdump" per-process' -l 'per-process' -d 'A column for each live process, and one for all dead ones.'
complete -c 'statdump' -n '__statdump_should_offer_completions_for_flags_or_options "statdump" per-worker' -l 'per-worker' -d 'A column for each plane: the cells of one thread.'
complete -c 'statdump' -n '__statdump_should_offer_completions_for_flags_or_options "statdump" tags' -l 'tags' -d 'The name without its tags, and the tags.'
complete -c 'statdump' -n '__statdump_should_offer_completions_for_flags_or_options "statdump" save' -l 'save' -d 'Save a snapshot for --diff.' -rF
complete -c 'statdump' -n '__statdump_should_offer_completions_for_flags_or_options "statdump" diff' -l 'diff' -d 'What changed since that was saved.' -rF
complete -c 'statdump' -n '__statdump_should_offer_completions_for_flags_or_options "statdump" since-start' -l 'since-start' -d 'Counters and histograms since the process that serves began.'
complete -c 'statdump' -n '__statdump_should_offer_completions_for_flags_or_options "statdump" describe' -l 'describe' -d 'What stats count: kind, unit and a sentence for each name; needs no region.'
complete -c 'statdump' -n '__statdump_should_offer_completions_for_flags_or_options "statdump" layout' -l 'layout' -d 'The map of the region: header, slots, segments, planes.'
complete -c 'statdump' -n '__statdump_should_offer_completions_for_flags_or_options "statdump" check' -l 'check' -d 'Verify the whole region; one finding a line, status 3 when there are any.'
complete -c 'statdump' -n '__statdump_should_offer_completions_for_flags_or_options "statdump" list' -l 'list' -d 'List the base ids that have a region, with their processes.'
complete -c 'statdump' -n '__statdump_should_offer_completions_for_flags_or_options "statdump" remove' -l 'remove' -d 'Remove a region that no process holds.'
complete -c 'statdump' -n '__statdump_should_offer_completions_for_flags_or_options "statdump" histogram-buckets' -l 'histogram-buckets' -d 'How text shows histograms: summary, cumulative, disjoint or detailed.' -rfka 'summary cumulative disjoint detailed'
complete -c 'statdump' -n '__statdump_should_offer_completions_for_flags_or_options "statdump" version' -l 'version' -d 'Show the version.'
complete -c 'statdump' -n '__statdump_should_offer_completions_for_flags_or_options "statdump" h help' -s 'h' -l 'help' -d 'Show help information.'
complete -c 'statdump' -n '__statdump_should_offer_completions_for_positional "statdump" -eq 1' -fa 'help' -d 'Show subcommand help information.'
complete -c 'statdump' -n '__statdump_should_offer_completions_for_flags_or_options "statdump help" version' -l 'version' -d 'Show the version.'
