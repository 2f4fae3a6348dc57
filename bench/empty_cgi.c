/* empty_cgi: the least that a CGI program can be. The baseline of bench/cgi. */
#include <stdio.h>

int main(void)
{
	puts("Status: 200 OK\r\nContent-Type: text/plain\r\n\r");
	return 0;
}
