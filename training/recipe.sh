#!/bin/sh
# Trains a model on a level set, from demonstrations to the score, and packs it into RUNS/pretrained.
#
#     sh training/recipe.sh LEVELS RUNS        in an environment with the extra `train`
#
# The same command continues an interrupted run. It first prints the hours and the disk space that
# it needs. SHARE=0.002 runs the whole recipe at a small scale in a few minutes.
# DEMONSTRATIONS=FOLDER adds recordings of people, EVALUATE=LEVELS chooses the levels of the score,
# and WORKERS=16 DEVICE=cuda makes use of a larger machine.
set -eu
exec python -m training.recipe "$@"
