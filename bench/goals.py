"""What is to hold: each goal once, by the name that a row of a benchmark gives it by (figures.Row)."""


class Goal:
    """The most that the median of a row's ratios may be, or the least if it is to be `at_least` that."""

    def __init__(self, name, words, limit, at_least=False):
        self.name, self.words, self.limit, self.at_least = name, words, limit, at_least

    def is_met(self, ratio):
        return ratio >= self.limit if self.at_least else ratio <= self.limit

    def how_near(self, ratio):
        """Over 1: it is missed. The largest of several rows is the one that the goal stands or falls with."""
        return self.limit / max(ratio, 1e-9) if self.at_least else ratio / self.limit

    def __str__(self):
        return f"{'≥' if self.at_least else '≤'} {self.limit:g}"


# In the order in which bench/summary shows them.
GOALS = {goal.name: goal for goal in (
    Goal("events.rate", "events, 128 connections, beside a responder that does nothing", 0.5, at_least=True),
    Goal("events.p99", "… and their p99, of 20 ms", 1),
    Goal("events.beside", "events while meetings are synced, beside those by themselves", 0.5, at_least=True),
    Goal("events.slowest", "… and the slowest of them, of 1 s", 1),
    Goal("bots.disk", "bots made and claimed, 128 connections, beside SQLite that commits one after the other", 1,
         at_least=True),
    Goal("bots.slow", "… on a disk that takes 10 ms a sync", 20, at_least=True),
    Goal("bots.processes", "… and in three processes", 10, at_least=True),
    Goal("bots.slowest", "… and the slowest of them, of the 2 s after which a writer gives up", 1),
    Goal("tokens.latency", "a bot's tokens with Zoom at 300 ms, beside curl making the call by itself", 1.3),
    Goal("tokens.burst", "2000 bots on the hour with Zoom at 300 ms, beside the ideal", 1.5),
    Goal("tokens.others", "… and the p99 of reading a bot meanwhile, of 20 ms", 1),
    Goal("tokens.memory", "… and the process's memory, of 64 MiB", 1),
    Goal("tokens.refreshes", "refreshes that Zoom sees of 500 bots at once", 1),
    Goal("tokens.refreshed", "… and the slowest of their answers, beside Zoom's part of it", 1.5),
    Goal("memory.idle", "RSS of all programs together, idle, of 60 MiB", 1),
    Goal("memory.idle_exit", "… idle for longer than idle_exit_s, where who is not asked has ended, of 60 MiB", 1),
    Goal("memory.idle_pss", "… idle, with shared pages shared out (PSS), of 60 MiB", 1),
    Goal("memory.busy", "… with 500 requests in flight, of 120 MiB", 1),
    Goal("memory.busy_pss", "… in flight, with shared pages shared out (PSS), of 120 MiB", 1),
    Goal("memory.rested", "… and 25 s after those, beside idle after they have served", 1.05),
    Goal("cgi.one", "a connection read as plain CGI, beside an empty program", 3),
    Goal("scale", "each question to a large database, beside one of 1,000 connections", 1.5),
    Goal("webhooks.time", "notifications while 10 of 50 receivers hang or refuse, beside without those", 1.2),
    Goal("webhooks.memory", "the worker's memory with 10,000 notifications, beside with 1,000", 1.25),
    Goal("webhooks.growth", "… and with 50,000, beside with 10,000", 1.1),
    Goal("worker.time", "20,000 refreshes, 100 at once, Zoom at 300 ms, beside the ideal", 1.3),
    Goal("worker.memory", "… and the worker's memory at the end, beside that in the middle", 1.1),
    Goal("worker.events", "… and the p99 of events meanwhile, beside that without a worker", 2),
    Goal("worker.reads", "… and the p99 of reading a bot meanwhile, beside that without a worker", 2),
    Goal("retention", "the database after a year of one customer, beside after four months", 1.1),
)}
