# How far the labels of matched features agree.
#
#	awk -f agree.awk feature_labels.tsv 2-4.sinkhorn.tsv
#
# A label is the one that holds best where the feature is strongly active; a pair counts when both
# labels are sure (F1 >= 0.7). Prints the share of counted pairs with equal labels, and the ten
# nearest pairs.

BEGIN { FS = "\t" }

FNR == 1 {
	file++
	for (i = 1; i <= NF; i++)
		column[file, $i] = i
	next
}

file == 1 && $column[1, "seed"] == 0 {
	key = $column[1, "layer"] "/" $column[1, "feature"]
	label[key] = $column[1, "label_half"]
	sure[key] = $column[1, "f1_half"] >= 0.7
}

file == 2 {
	a = $column[2, "row_layer"] "/" $column[2, "row_feature"]
	b = $column[2, "col_layer"] "/" $column[2, "col_feature"]
	matched++
	if (sure[a] && sure[b]) {
		counted++
		agree += label[a] == label[b]
	}
	cost[matched] = $column[2, "cost"] + 0
	left[matched] = a
	right[matched] = b
}

END {
	printf "  labels agree in %.1f%% of %d surely labelled pairs (%d matched)\n",
		100 * agree / counted, counted, matched
	for (n = 1; n <= 10; n++) {
		best = 0
		for (i in cost)
			if (!best || cost[i] < cost[best] ||
					(cost[i] == cost[best] && i + 0 < best + 0))
				best = i
		printf "    %.3f  %-7s %-28s %-7s %-28s %s\n", cost[best],
			left[best], label[left[best]], right[best], label[right[best]],
			label[left[best]] == label[right[best]] ? "=" : ""
		delete cost[best]
	}
}
