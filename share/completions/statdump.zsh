#compdef statdump

__statdump_complete() {
    local -ar non_empty_completions=("${@:#(|:*)}")
    local -ar empty_completions=("${(M)@:#(|:*)}")
    _describe -V '' non_empty_completions -- empty_completions -P $'\'\''
}

__statdump_custom_complete() {
    local -a completions
    completions=("${(@f)"$("${command_name}" "${@}" "${command_line[@]}")"}")
    if [[ "${#completions[@]}" -gt 1 ]]; then
        __statdump_complete "${completions[@]:0:-1}"
    fi
}

__statdump_cursor_index_in_current_word() {
    if [[ -z "${QIPREFIX}${IPREFIX}${PREFIX}" ]]; then
        printf 0
    else
        printf %s "${#${(z)LBUFFER}[-1]}"
    fi
}

_statdump() {
    emulate -RL zsh -G
    setopt extendedglob nullglob numericglobsort
    unsetopt aliases banghist

    local -xr SAP_SHELL=zsh
    local -x SAP_SHELL_VERSION
    SAP_SHELL_VERSION="$(builtin emulate zsh -c 'printf %s "${ZSH_VERSION}"')"
    local -r SAP_SHELL_VERSION

    local context state state_descr line
    local -A opt_args

    local -r command_name="${words[1]}"
    local -ar command_line=("${words[@]}")
    local -ir current_word_index="$((CURRENT - 1))"

    local -i ret=1
    local -ar ___format=('text' 'json' 'prometheus' 'csv')
    local -ar ___type=('counter' 'gauge' 'histogram' 'text')
    local -ar ___sort=('name' 'value' 'rate')
    local -ar ___histogram_buckets=('summary' 'cumulative' 'disjoint' 'detailed')
    local -ar arg_specs=(
        '--base-id[The base id of the proxy.]:n:'
        '*:pattern:'
        '*--exclude[Leave out stats whose name has a match. Repeatable.]:re:'
        '--format[Form of the output\: text, json, prometheus or csv.]:format:{__statdump_complete "${___format[@]}"}'
        '(--used-only --usedonly)'{--used-only,--usedonly}'[Only stats that counted something.]'
        '*--type[Only one kind\: counter, gauge, histogram or text. Repeatable.]:type:{__statdump_complete "${___type[@]}"}'
        '--watch[A live view, every second or as often as said. Keys\: h shows them.]:seconds:'
        '--rate[Value and change per second, over one second or as many as said.]:seconds:'
        '--sort[Order\: name, value or rate (which means --rate); the largest first.]:sort:{__statdump_complete "${___sort[@]}"}'
        '--top[Only the first of that order; by value unless --sort says.]:n:'
        '--per-process[A column for each live process, and one for all dead ones.]'
        '--per-worker[A column for each plane\: the cells of one thread.]'
        '--tags[The name without its tags, and the tags.]'
        '--save[Save a snapshot for --diff.]:file:_files'
        '--diff[What changed since that was saved.]:file:_files'
        '--since-start[Counters and histograms since the process that serves began.]'
        '--describe[What stats count\: kind, unit and a sentence for each name; needs no region.]'
        '--layout[The map of the region\: header, slots, segments, planes.]'
        '--check[Verify the whole region; one finding a line, status 3 when there are any.]'
        '--list[List the base ids that have a region, with their processes.]'
        '--remove[Remove a region that no process holds.]'
        '--histogram-buckets[How text shows histograms\: summary, cumulative, disjoint or detailed.]:histogram-buckets:{__statdump_complete "${___histogram_buckets[@]}"}'
        '--version[Show the version.]'
        '(-h --help)'{-h,--help}'[Show help information.]'
        '(-): :->command'
        '(-)*:: :->arg'
    )
    _arguments -w -s -S : "${arg_specs[@]}" && ret=0
    case "${state}" in
    command)
        local -ar subcommands=(
            'help:Show subcommand help information.'
        )
        _describe -V subcommand subcommands && ret=0
        ;;
    arg)
        case "${words[1]}" in
        help)
            "_statdump_${words[1]}" && ret=0
            ;;
        esac
        ;;
    esac

    return "${ret}"
}

_statdump_help() {
    local -i ret=1
    local -ar arg_specs=(
        '*:subcommands:'
        '--version[Show the version.]'
    )
    _arguments -w -s -S : "${arg_specs[@]}" && ret=0

    return "${ret}"
}

if [[ "${funcstack[1]}" = _statdump ]]; then
    _statdump "${@}"
else
    compdef _statdump statdump
fi
