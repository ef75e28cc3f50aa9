# make static: programs that need no library of the machine, in a root that holds nothing else; and
# the archive of them.

load helper

setup_file() {
	[[ $(gcc -print-file-name=libgfortran.a) == /* ]] ||
		export LACKS="no gfortran: no BLAS in a program without libraries"
	[ "${BUILD##*/}" = build ] || export LACKS="of the plain build"
	[ -z "$LACKS" ] || return 0
	export ARCHIVE=build-static/semot-$(sed -n 's/^VERSION *= *//p' "$ROOT/config.mk")
	ARCHIVE+=-linux-$(gcc -dumpmachine | cut -d - -f 1).tar.gz
	make -s -j2 -C "$ROOT" "$ARCHIVE"
}

# The command that enters a root; setup for those who cannot.
enter() {
	as=(chroot)
	[ "$(id -u)" -eq 0 ] || as=(unshare -r chroot)
	mkdir root
	cp "$ROOT/build-static/bin/framecat" root
	"${as[@]}" root /framecat --version >/dev/null 2>&1 ||
		skip "neither chroot nor user namespaces"
}

# bare PROGRAM ARGUMENT...: in a root that holds it, and operands
bare() {
	"${as[@]}" root "/$1" "${@:2}"
}

@test "every program starts in a root that holds nothing else" {
	enter
	rm root/framecat
	for program in "$ROOT"/build-static/bin/*; do
		name=${program##*/}
		[ "$name" != semot ] || continue	# a script
		cp "$program" root
		[ "$(bare "$name" --version)" = "$("$name" --version)" ]
		bare "$name" --help >out
		"$name" --help | cmp - out
		rm "root/$name"
	done
	rmdir root
}

@test "a pipe in such roots gives the bytes that it gives with the machine's libraries" {
	enter
	cp "$ROOT"/build-static/bin/{act-dump,featdist,refproj,sinkhorn,hungarian,frame2tsv} root
	cp -r "$SAMPLE"/{hidden_L[246].npy,sae_L[24]_s0} root
	pipe() {
		local by=$1 layer
		for layer in 2 4; do
			$by act-dump --no-point --hidden hidden_L$layer.npy --sae sae_L${layer}_s0 |
				$by featdist --support 16 |
				$by refproj --lift hidden_L6.npy --whiten >$by.$layer
		done
		cat $by.2 $by.4 | $by sinkhorn >$by.distances
		$by hungarian <$by.distances | tee $by.matching | $by frame2tsv >$by.tsv
	}
	near() {
		(cd root && "$@")
	}
	pipe bare
	pipe near
	for part in 2 4 distances matching tsv; do
		cmp bare.$part near.$part
	done
	[ "$(wc -l <bare.tsv)" -gt 400 ]
}

@test "show knows the width of characters without the machine's locale" {
	enter
	cp "$ROOT/build-static/bin/show" root
	"$PY" - <<-'END'
	import numpy as np, semot
	u4 = lambda *x: np.array(x, "<u4")
	words = ["\u4e2d\u6587", " e\u0301", "\U0001f600", " word", "\uac00", "\u0645\u0631",
	         "\ufe0f"]
	header = {"kind": "contexts", "layer": "3", "features": 1, "tokens_read": 9, "history": []}
	n, f4 = 60, np.ones(1, "<f4")
	vocab = np.arange(len(words), dtype="<u4")
	semot.write("root/c", header, [{"vocab": vocab, "text": words}, {
	    "feature": u4(0), "count": u4(1), "density": f4, "mean": f4, "max": f4,
	    "indptr": u4(0, 1), "range": np.zeros(1, "|u1"), "token": u4(0), "peak": f4,
	    "at": u4(n // 2), "begin": u4(0, n), "id": np.arange(n, dtype="<u4") % len(words),
	    "value": np.ones(n, "<f4")}])
	END
	export COLUMNS
	for COLUMNS in 40 41 42 43 80; do
		show root/c | cmp - <(bare show c)
		[ -s root/c ]
	done
}

@test "unpacked in a folder with a space, the archive has pages, licences, and runs match.mk" {
	mkdir "a folder"
	tar -C "a folder" -xzf "$ROOT/$ARCHIVE"
	there=$(echo "$PWD/a folder"/semot-*)
	PATH=/usr/bin:/bin
	"$there/bin/semot" | grep -q '^  sinkhorn '
	[ -s "$there/share/man/man1/sinkhorn.1" ]
	[ -s "$there/share/semot/semot.py" ]
	[ -s "$there/share/bash-completion/completions/sinkhorn" ]
	for library in glibc OpenBLAS "GCC RUNTIME LIBRARY EXCEPTION" zlib LZ4 xxHash msgpack \
		jansson; do
		grep -qiF "$library" "$there"/licenses/*
	done
	job() {
		make --no-print-directory -s -C "$SAMPLE" -f "$1/match.mk" A=2 B=4 OUT="$2" \
			TOKENS=tokens.npy FEATDIST="featdist --support 16"
	}
	job "$there/share/semot/pipelines" "$PWD/out" 2>notes
	mv out found
	PATH=$BUILD/bin:$PATH
	job "$ROOT/pipelines" "$PWD/out" 2>notes
	for file in out/2-4.*; do
		cmp "$file" "found/${file#out/}"
	done
	[ "$(wc -l <out/2-4.sinkhorn.tsv)" -gt 400 ]
}
