# bash completes command lines of semot: `make install` puts this file where the bash-completion
# package finds it; without that package, `source` it. What is offered is what PROGRAM --help says:
# options, and the words that one takes where there are few; file names elsewhere.
_semot() {
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} line name value
	local option='^  (--[a-z0-9-]+)(\[=| ?)([^ ]*)' choice='^[a-z0-9]+(\|[a-z0-9]+)+$'

	# --name=wo is three words to bash.
	if [[ $word == = ]]; then
		word=
	elif [[ $before == = ]] && ((COMP_CWORD > 2)); then
		before=${COMP_WORDS[COMP_CWORD - 2]}
	fi
	COMPREPLY=()
	while IFS= read -r line; do
		[[ $line =~ $option ]] || continue
		name=${BASH_REMATCH[1]} value=${BASH_REMATCH[3]}
		if [[ $word == -* && $name == "$word"* ]]; then
			COMPREPLY+=("$name")
		elif [[ $name == "$before" && $value =~ $choice ]]; then
			compopt +o default 2>/dev/null
			mapfile -t COMPREPLY < <(compgen -W "${value//|/ }" -- "$word")
			return
		fi
	done < <("$1" --help 2>/dev/null)
}
complete -o default -F _semot @PROGRAMS@
