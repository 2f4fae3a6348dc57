/*
 * One page of a list, newest first, by id: ids only grow, so a page stays where it is while rows
 * come and go. A list that is ordered by a time of its rows, latest first, has the id for those of the
 * same time.
 */
#ifndef STORE_PAGE_H
#define STORE_PAGE_H

#include <stdbool.h>
#include <stdint.h>

struct page {
	int64_t before_id; /* rows older than this one; 0: from the newest */
	int64_t after_id;  /* rows newer than this one (a step back); 0: see before_id */
	int64_t at;        /* of the row that either names, where the list is ordered by a time */
	int size;          /* > 0 */
};

/* The id that the page's rows are below, or for a step back above. */
int64_t page_start(const struct page *page);

/* How many rows to ask for: one more than the page has tells whether there is another page. */
int page_row_limit(const struct page *page);

/*
 * Of `count` rows that were read (oldest first when stepping back, newest first else): drops the
 * surplus row and puts them newest first. `rows` holds `count` elements of row_bytes each.
 * *has_newer and *has_older tell whether there are pages before and after.
 */
int page_arrange(const struct page *page, void *rows, int count, int row_bytes, bool *has_newer,
		 bool *has_older);

#endif
