# Slurm does the work: each stage is a job of srun, with the memory and the cores of its kind.
#
#	make -f slurm.mk -f pairs.mk -j32 BLOCKS=16 SRUN='--partition=cpu --time=4:00:00' ...
#
# It stands before the pipeline; a site's own file, which sets some variables anew, stands between.
# OUT has to be on a file system that all nodes see. semot-cluster(7) has more.

kinds = activations distributions axes projected points contexts coupling distances block matching \
	nearest flow tsv html
variables += SRUN MEMORY CORES $(kinds:%=MEMORY.%) $(kinds:%=CORES.%)

# Megabytes, and cores, of a stage; of each kind where it differs. For 16,384 features, points of
# 2,304 numbers, a quarter of a million tokens: the pages of the programs say what they need.
MEMORY = 2000
CORES  = 1

MEMORY.activations = 4000
MEMORY.axes        = 1000
MEMORY.projected   = 6000
MEMORY.points      = 6000
MEMORY.distances   = $(if $(BLOCKS),1000,14000)
MEMORY.block       = 14000
MEMORY.matching    = 3000
MEMORY.html        = 4000

CORES.activations  = 4
CORES.axes         = 4
CORES.distances    = $(if $(BLOCKS),1,16)
CORES.block        = 16

SRUN =

# All jobs of one OUT have one name; the comment is the stage.
job  = $(eval job := semot-$(firstword $(shell realpath -m $(call input,$(OUT)) | cksum)))$(job)
mine = $(or $($(1)$(suffix $@)),$($(1)))
RUN  = srun --quiet --ntasks=1 --cpus-per-task=$(call mine,CORES) --mem=$(call mine,MEMORY)M \
	--job-name=$(job) --comment=$@ $(SRUN) env OMP_NUM_THREADS=$(call mine,CORES)

# A killed srun can leave its job behind, which keeps its cores until its time is over:
#
#	make -f slurm.mk ... cancel	ends the jobs of this OUT
.DEFAULT_GOAL := all
cancel:
	scancel --me --name=$(job)
.PHONY: cancel
