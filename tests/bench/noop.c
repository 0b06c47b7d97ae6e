/* The runtime of the benchmarks: what every whole process costs. */
int main(void) { return 0; }
