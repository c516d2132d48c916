# Cleans up after the owner of a scratch folder, whatever it died of. Run as: janitor.sh FOLDER
# A *.pid file holds: process id, start time in clock ticks, last signal. The start time tells a
# process from a later one that was given the same id.
trap '' HUP INT TERM
folder=$1

alive() {
    { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
    started=$2
    set -- ${stat##*) }
    [ "$1" != Z ] && [ "${20}" = "$started" ]
}

# Sends a signal to all that live, each its own one where none is named. Fails when nothing lives.
signal_all() {
    living=1
    for file in "$folder"/*.pid; do
        { read -r pid started last <"$file"; } 2>/dev/null || continue
        alive "$pid" "$started" || continue
        kill -"${1:-$last}" "$pid" 2>/dev/null
        living=0
    done
    return $living
}

# The owner never writes: this returns when its end of the pipe is closed.
while read -r _; do :; done

# Under another name, no program that is just being launched can register any more.
mv "$folder" "$folder.ended" && folder=$folder.ended

signal_all
tries=0
while signal_all 0 && [ $tries -lt 100 ]; do
    tries=$((tries + 1))
    sleep 0.05
done
signal_all KILL && sleep 0.2
rm -rf "$folder"
