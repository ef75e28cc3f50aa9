# The supernodes of a graph and the labels of their members.
#
#	paste nodes.tsv groups.tsv | awk -f members.awk names.tsv -
#
# from: frame2tsv --columns clerp,layer,ctx_idx; --columns group; --columns group_name

BEGIN { FS = "\t" }

FNR == 1 { file++; next }

file == 1 { name[groups++] = $1 }

file == 2 && $4 >= 0 {
	size[$4]++
	position[$4] = $3
	members[$4] = members[$4] sprintf("      layer %s  %s\n", $2, $1)
}

END {
	for (g = 0; g < groups; g++)
		printf "    %s: %d features at position %d\n%s", name[g], size[g], position[g],
			members[g]
}
