#include "store/page.h"

#include <stddef.h>

int64_t page_start(const struct page *page)
{
	if (page->after_id != 0)
		return page->after_id;
	return page->before_id != 0 ? page->before_id : INT64_MAX;
}

int page_row_limit(const struct page *page)
{
	return page->size + 1;
}

static void swap(unsigned char *a, unsigned char *b, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		const unsigned char byte = a[i];

		a[i] = b[i];
		b[i] = byte;
	}
}

int page_arrange(const struct page *page, void *rows, int count, int row_bytes, bool *has_newer,
		 bool *has_older)
{
	const bool has_more = count > page->size;
	unsigned char *bytes = rows;
	const size_t size = (size_t)row_bytes;

	if (has_more)
		count = page->size;
	if (page->after_id == 0) {
		*has_newer = page->before_id != 0;
		*has_older = has_more;
		return count;
	}
	*has_newer = has_more;
	*has_older = true;
	for (int low = 0, high = count - 1; low < high; low++, high--)
		swap(bytes + (size_t)low * size, bytes + (size_t)high * size, size);
	return count;
}
