#!/bin/sh
# Trains the shipped model: fresh levels, data, V, M in rounds, C; packs it into PRETRAINED.
#
#     sh training/pangolin.sh RUNS [PRETRAINED]        in the environment with the extra `train`
#
# Stopped at any point, the same command goes on where it was. Two cores take about four and a half
# hours. SHARE=0.005 rehearses all of it in some minutes and packs into RUNS/pretrained; WORKERS=16
# DEVICE=cuda use a larger machine.
# A round packs what M has learnt of the experts' expert_action so far, plays it, and learns on from where
# that led: DAgger (Ross et al. 2011), with recordings for an expert.
set -eu

runs=${1:?'give a folder for the runs, such as runs/pangolin'}
share=${SHARE:-1}     # of all levels, frames, steps and generations
workers=${WORKERS:-2} # processes that play
device=${DEVICE:-cpu} # of V and M: cpu, cuda or auto
case $share in
1) pretrained=${2:-pretrained} ;;
*) pretrained=${2:-$runs/pretrained} ;; # never in place of the shipped model
esac
awk -v share="$share" 'BEGIN { exit !(share + 0 > 0 && share + 0 <= 1) }' || {
    echo "SHARE is $share: give a number above 0, at most 1" >&2
    exit 2
}

of() { # NUMBER LEAST: the share of a number, of these at least
    awk -v number="$1" -v least="$2" -v share="$share" \
        'BEGIN { part = int(number * share); print part < least ? least : part }'
}

build() { # LETTER SEED LEVELS: fresh levels, of other seeds than any shipped set
    [ -e "$runs/fresh-$1/levels.json" ] || python -m game.build --seed "$2" --levels "$(of "$3" 1)" \
        --out "$runs/fresh-$1" --game "PangolinDashFresh$1-Genesis"
}

collect() { # NUMBER LEVELS MOVIES FRAMES STEPS POLICIES [PRETRAINED]
    python -m training.collect --out "$runs/data-$1" --levels "$2" --movies "$3" \
        --frames "$(of "$4" 600)" --max-steps "$(of "$5" 60)" --policies "$6" --seed "$1" \
        --workers "$workers" ${7:+--pretrained "$7"}
}

see() { # NUMBER STEPS DATA OPTION...
    out=$runs/vision-$1 steps=$(of "$2" 2) data=$3
    shift 3
    python -m training.train_vision --data "$data" --out "$out" --steps "$steps" --batch 32 \
        --threads 1 --device "$device" "$@"
}

remember() { # NUMBER STEPS VISION DATA OPTION...
    out=$runs/memory-$1 steps=$(of "$2" 2) vision=$3 data=$4
    shift 4
    python -m training.train_memory --data "$data" --vision "$runs/vision-$vision" --out "$out" \
        --steps "$steps" --threads 1 --device "$device" "$@"
}

imitate() { # NUMBER VISION: pack M's controller as it is, barely searched from
    python -m training.evolve --vision "$runs/vision-$2" --memory "$runs/memory-$1" \
        --out "$runs/imitation-$1" --levels PangolinDash-Genesis:MeadowZone.Act7 --imitate \
        --generations 1 --population 4 --episodes 1 --mean-every 1 --mean-episodes 1 \
        --max-steps "$(of 200 20)" --sigma0 0.03 --workers "$workers"
    python -m training.pack --vision "$runs/vision-$2" --memory "$runs/memory-$1" \
        --evolution "$runs/imitation-$1" --out "$runs/pack-$1"
}

search() { # NUMBER VISION MEMORY SIGMA0 GENERATIONS PACKED: CMA-ES around M's controller
    python -m training.evolve --vision "$runs/vision-$2" --memory "$runs/memory-$3" \
        --out "$runs/evolution-$1" --levels pangolin-train --imitate --sigma0 "$4" \
        --population 16 --levels-per-generation 4 --episodes 1 --early-stop-reward 0.01 \
        --mean-every "$(of 4 1)" --mean-episodes 1 --generations "$(of "$5" 1)" \
        --max-steps "$(of 4500 20)" --workers "$workers"
    python -m training.pack --vision "$runs/vision-$2" --memory "$runs/memory-$3" \
        --evolution "$runs/evolution-$1" --out "$6"
}

all() { # NUMBER: the datasets up to this one
    for number in $(seq "$1"); do printf '%s,' "$runs/data-$number"; done | sed 's/,$//'
}

# First: 121 levels, and rounds in which the agent plays from their starts.
build A 1001 24
build B 1002 60
fresh=$runs/fresh-A,$runs/fresh-B
recorded=game/movies,$runs/fresh-A/movies,$runs/fresh-B/movies

collect 1 pangolin-train "$recorded" 130000 1500 \
    movie,departure,departure,departure,departure,departure,runner,held
see 1 8576 "$(all 1)"
remember 1 1300 1 "$(all 1)"
imitate 1 1
collect 2 pangolin-train "$recorded" 60000 600 agent,agent,agent,departure "$runs/pack-1"
remember 2 900 1 "$(all 2)" --start "$runs/memory-1"
imitate 2 1
collect 3 pangolin-train "$recorded" 80000 900 agent,agent,agent,departure "$runs/pack-2"
remember 3 2400 1 "$(all 3)" --start "$runs/memory-2"
imitate 3 1
collect 4 "$fresh" "$recorded" 130000 1500 movie,departure,departure
remember 4 1200 1 "$(all 4)" --start "$runs/memory-3" --expert-action-weight 30
collect 5 "$fresh,pangolin-train" "$recorded" 120000 900 agent,agent,agent,departure "$runs/pack-3"
remember 5 2200 1 "$(all 5)" --start "$runs/memory-4" --expert-action-weight 30
see 2 8000 "$(all 5)" --start "$runs/vision-1" --learning-rate 0.0007 --expert-action-weight 100
remember 6 1043 2 "$(all 5)" --start "$runs/memory-5" --expert-action-weight 30
search 1 2 6 0.05 16 "$runs/pack-6"

# Then: 240 levels more, all of each seen, since the agent and a expert play them by turns.
build C 1101 60
build D 1102 60
build E 1103 60
build F 1104 60
fresh=$runs/fresh-C,$runs/fresh-D,$runs/fresh-E,$runs/fresh-F
recorded=game/movies
for letter in C D E F; do recorded=$recorded,$runs/fresh-$letter/movies; done

collect 11 "$fresh,pangolin-train" "$recorded" 340000 900 turns,turns,departure,movie \
    "$runs/pack-6"
collect 12 "$fresh,pangolin-train" "$recorded" 207000 900 turns,turns,agent "$runs/pack-6"
see 3 8000 "$runs/data-11" --start "$runs/vision-2" --learning-rate 0.0007 \
    --expert-action-weight 100 --decay-steps "$(of 4000 1)"
# The shipped M's rate fell from step 1,489 on only: its first steps were asked for as of 4,500.
remember 7 2500 3 "$runs/data-11,$runs/data-12" --start "$runs/memory-6" --threads 2 \
    --expert-action-weight 30 --weight-decay 0.1 --decay-steps "$(of 2500 1)"
search 2 3 7 0.5 8 "$pretrained"
