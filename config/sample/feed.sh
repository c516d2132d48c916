#!/bin/bash
# Sends sample events for as long as it runs: bookings, some of them cancelled later, now and then one that is wrong.
#
# BROKERS, BOOKING_TOPIC and CANCELLATION_TOPIC say where to; PAUSE (seconds) how fast; COUNT how many, without end by
# default. PRODUCER is Kafka's console producer.
set -euo pipefail

producer=${PRODUCER:-/opt/kafka/bin/kafka-console-producer.sh}
pause=${PAUSE:-0.5}
count=${COUNT:-}

users=(ada bruno.k chiara@guests.example femi-travels grace@guests.example)
rooms=(room_ocean_001 room_garden_101 room_city_201)
export TZ=UTC

# The first process of a container hears no signal that it does not ask for.
trap 'exit 0' TERM INT

# A line is its headers, its key and its value, with tabs between them.
produce_to() {
    "$producer" --bootstrap-server "$BROKERS" --topic "$1" \
        --property parse.headers=true --property parse.key=true
}

pick() {
    local -n list=$1
    echo "${list[RANDOM % ${#list[@]}]}"
}

letters() {
    local text='' alphabet=abcdefghijklmnopqrstuvwxyz0123456789
    while [ ${#text} -lt "$1" ]; do
        text+=${alphabet:RANDOM % ${#alphabet}:1}
    done
    echo "$text"
}

now() { printf '%(%s)T' -1; }

day() { printf '%(%Y-%m-%d)T' $(($(now) + $1 * 86400)); }

line() { printf 'baggage:trace-id=%s\t%s\t%s\n' "$(letters 9)" "$1" "$2"; }

book() {
    local id=$1 user=$2 arrival=$((RANDOM % 300 + 1)) nights=$((RANDOM % 7 + 1))
    # A stay without a night: no waiting mends it, so it ends among the dead letters.
    [ $((RANDOM % 40)) -ne 0 ] || nights=0
    line "$id" "{\"userId\":\"$user\",\"roomId\":\"$(pick rooms)\",\"guests\":$((RANDOM % 3 + 1)),\"startDate\":\"$(day $arrival)T15:00:00Z\",\"endDate\":\"$(day $((arrival + nights)))T11:00:00Z\",\"bookingId\":\"$id\",\"paymentId\":\"pay_$(letters 8)\"}"
}

cancel() {
    line "$1" "{\"bookingId\":\"$1\",\"userId\":\"$2\",\"timestamp\":\"$(printf '%(%Y-%m-%dT%H:%M:%SZ)T' -1)\"}"
}

exec 3> >(produce_to "$BOOKING_TOPIC") 4> >(produce_to "$CANCELLATION_TOPIC")
number=0
while [ -z "$count" ] || [ "$number" -lt "$count" ]; do
    number=$((number + 1))
    id=booking_$(now)_$(letters 6)
    user=$(pick users)
    # Somebody who has not registered: the booking waits for them.
    [ $((RANDOM % 50)) -ne 0 ] || user=nobody-yet
    book "$id" "$user" >&3
    [ $((RANDOM % 4)) -ne 0 ] || cancel "$id" "$user" >&4
    # In the background, so that a signal is heard at once.
    sleep "$pause" &
    wait $!
done
