# Registers itself with the janitor, then becomes the program: no moment in which it runs unknown.
# Run as: sh -c <this> launch PID_FILE LAST_SIGNAL PROGRAM [ARGUMENT...]
started() {
    read -r stat <"/proc/$1/stat" && set -- ${stat##*) } && echo "${20}"
}
echo "$$ $(started $$) $2" >"$1" || exit 1
shift 2
exec "$@"
