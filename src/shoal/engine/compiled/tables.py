"""How a network looks to the compiled code: one line of whole numbers for every operation.

The code is compiled once for all networks, so a network must come as numbers. Offsets count
float32 numbers: of parameters in the member's row, of everything else in the working memory.
"""

from __future__ import annotations

AFFINE, ACTIVATION, BATCH_NORM, DROPOUT, CONVOLUTION, MAX_POOL, AVG_POOL, WAVES = range(8)
"""The kinds of operation."""

(
    KIND,
    ACT,  # activation that follows, see `activate`
    IN,  # where the input lies; the first operation is told
    IN_SIZE,  # numbers in one row
    OUT,
    OUT_SIZE,
    WEIGHT,  # W, γ, or V
    BIAS,  # b, or β
    SAVED,  # GELU's derivative, a mask, or cosines
    HAT,  # what batch norm has normalised, or sines
    STATS,  # mean, variance, 1/σ of batch norm; a row of biases of a convolution
    MEAN,  # in the row of running statistics
    VARIANCE,
    NUMBER,  # which dropout layer this is
    PARTS,  # pieces that threads share out
    TRAINED,  # whether it has parameters
    BIASED,  # whether it ends with a bias, and may end with an activation
    HEIGHT,
    WIDTH,  # or sums of the waves of each input
    CHANNELS,  # or inputs with waves
    WINDOW_ROWS,
    WINDOW_COLUMNS,
    STRIDE_ROWS,
    STRIDE_COLUMNS,
    UP,
    LEFT,
    PLACES_DOWN,
    PLACES_ACROSS,
    PADDED_HEIGHT,
    PADDED_WIDTH,
    PADDED,  # numbers of a padded image; 0 where there is no padding
    SPREAD,  # numbers of the gradient spread out for dx
    SPREAD_WIDTH,
    FILTERS,  # or waves of each input
    TABLE,  # where each patch begins: where this lies in the plan's places
    WINDOW_TABLE,  # where each number of the window lies in the first patch
    PIXEL_TABLE,  # where what each pixel needs begins in the spread gradient
    FLIPPED,  # where the turned weights lie
    PARTIAL,  # where the gradients of blocks of images lie
    IMAGES,  # in a block
    FUSED,  # whether the pooling that follows is done at once
    RATES_AT,  # w of waves
    PHASES_AT,  # and φ
    STEP,  # waves of one row
    COLUMNS,
) = range(45)
"""What stands in the columns of an operation's whole numbers."""

SLOPE, EPSILON, MOMENTUM, NUMBERS = range(4)
"""What stands in the columns of an operation's float32 numbers."""

(
    INPUT,  # the batch
    TARGETS,
    ROW_WEIGHTS,
    ROW_LOSSES,
    GRADIENT,  # of the whole row
    THETA,  # a copy of the row that lies last in memory
    NORMS,  # sums of squares of pieces of the row
    DOWN,  # two places for gradients on their way down
    UP_AGAIN,
    ZEROS,  # as many as the largest output
    NOTHING,  # as many, that nobody reads
    ROW_SIZE,  # numbers in one row of data
    OUTPUTS,
    SIZE,  # of the row of parameters
    DECAYING,  # how many of them decay
    FIRST,  # the first operation with parameters
    WORK,  # working memory in all
    MEMORY,
) = range(18)
"""What stands where in the whole numbers of a network."""

PIECE = 2**14
"""Parameters that one thread updates at once."""

(
    PANEL, PRODUCT, ACTIVATE, DESCEND, UPDATE, MOMENTS, NORMALISE, SHARES, UNNORMALISE, DROP,
    SOFTMAX, ELEMENTWISE, CONVOLVE, UNCONVOLVE, POOL, UNPOOL, WAVE,
    UNWAVE, FRUGAL, FORWARD,  # so far the addresses of kernels
    THREAD,  # which thread this is
    THREADS,  # that work on the network
    GATE,  # where they meet
    YIELD,  # what lets other programs have the processor
    SCRATCH,  # room for products
    SUMS,  # room for float64 sums
    ROOM,  # for one image on its way
    PLACES,  # the plan's tables of places
    OF_INPUTS,  # the product that suits the inputs: with their zeros, or without
    TILE,  # from here on: rows of a tile
) = range(30)  # fmt: skip
TOOLS = TILE + 8
"""What stands in a thread's tools."""

(
    X, Y, ROWS_WEIGHTS,  # the data
    PIXELS,  # for inputs that are bytes: what they are divided by, a float64; 0 for float32
    MEANS, DEVIATIONS,  # of float32 columns that are standardised as they are used, float64; or 0
    LABELLED,  # whether y are labels
    LOSS, RULE, CLIPS, DECOUPLED,
    LIVE, MEMBERS,  # who, and how many
    ALL,  # members that there are
    PARAMETERS, RUNNING, RUNNING_SIZE, SLOTS, MORE_SLOTS, SLOTS_SIZE, MORE_SLOTS_SIZE,
    BATCHES, STARTS, ORDER,  # rows of every step, where each begins, and which are whose
    PLACED,  # where the same rows lie in X
    FIRST_STEP, STEPS,
    SEEDS, RATES, DROPOUTS,
    LR, RULE_NUMBERS, CLIP, DECAY,
    HOME, LABELS,  # working memory
    FOUND, FOUND_NORMS, DIVERGED,  # what is given back
    WHOLE, ROWS_AT_ONCE, SAID,  # for evaluation
    JOB,
) = range(43)  # fmt: skip
"""What stands in a job; most are addresses."""

ASKED_OPS, ASKED_COUNT, ASKED_NUMBERS, ASKED_MEMORY, ASKED_JOB, ASKED_TOOLS, ASKED = range(7)
"""What stands in a request for answers: addresses, and how many operations there are."""
