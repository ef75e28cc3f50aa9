# Files that were changed, in one process: tests/fuzz.c. `make fuzz` goes on for minutes.
load helper

@test "readers take files that were changed, or refuse them: .npy .npz .safetensors .pt" {
	oracle fuzz seeds
	for reader in npy npz safetensors pt; do
		"$BUILD/tests/fuzz" $reader "${TIMES:-1500}" 1 seeds/$reader/*
	done
}

@test "readers take files that were changed, or refuse them: settings, caches, JSON, words, labels" {
	oracle fuzz seeds
	for reader in cfg delphi json vocab labels; do
		"$BUILD/tests/fuzz" $reader "${TIMES:-1500}" 2 seeds/$reader/*
	done
}
