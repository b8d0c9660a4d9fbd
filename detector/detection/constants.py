"""Every constant of the detectors, each with its reason; settings may override some of them.

Law: a threshold is defined here and nowhere else. It was set from simulated fleets and published
arithmetic, never from the fleet that it is tested on. Times are milliseconds unless the name says
otherwise.
"""

from typing import Final

# D0, the talk's rule. -----------------------------------------------------------------------------

# The share of the talk; must be exceeded.
R66_SHARE: Final = 0.66
# With 3 equal zones, 66 % of 10 faults happen by chance in 6 % of windows, of 30 in 0.06 %. With 25
# faults in the window and 10 of one host, the bare rule fires less than once a month on quiet
# fleets.
R66_MIN_TOTAL_FAULTS: Final = 25
R66_MIN_HOST_FAULTS: Final = 10
# Windows slide by a sixth, so 3 of 5 needs a condition of 30 s and tolerates two quiet panes.
WINDOWS_REQUIRED: Final = 3
WINDOWS_SEEN: Final = 5

# The share test, which confirms D0 and is D1 on its own. ------------------------------------------

# A healthy host may be a quarter above its peers: caches, larger instances, harder requests.
SHARE_RHO: Final = 1.25
# Below three times the rate of the peers a gray failure is not worth replacing a host.
SHARE_RATIO: Final = 3.0
# Four faults prove nothing at any rate: the smallest count whose tail can reach the cut.
SHARE_MIN_FAULTS: Final = 5
# False discovery rate of Benjamini and Hochberg for confirming alarms of the 66 % rule.
SHARE_Q: Final = 1e-3
# Suspects leave the baseline; with 300 bad hosts of 1,000 three rounds suffice.
SHARE_MAX_ROUNDS: Final = 8
# More than half of the hosts cannot be worse than their peers: there are no peers left.
SHARE_FLEET_EVENT_FRACTION: Final = 0.5
# On its own the test examines every host in every window, 1.7e8 times a day for 20,000 hosts, and
# windows overlap: q = 1e-3 names a healthy host for 3 of 5 windows once or twice a month, 1e-4 once
# a year, 1e-5 once in ten years. It costs one more fault per host.
SHARE_ALONE_Q: Final = 1e-5
# Most hosts that one window names, worst first, as many as a report lists. More hosts have a shared
# cause, which D7 reports.
MOST_NAMED: Final = 500

# D2, several culprits. ----------------------------------------------------------------------------

# Never more culprits than can be replaced: the part of the fleet that the budget allows per hour.
R66K_FLEET_FRACTION: Final = 0.01
# Small fleets have pairs too: the talk's rule misses 40/40/20.
R66K_LEAST_MOST: Final = 2

# D3, the sequential test. -------------------------------------------------------------------------

# ln(20,000 hosts x 8,640 panes a day x 30 days) = 22.4: at most one false alarm a month in such a
# fleet (Wald's bound; measured over 10 s panes it is closer to two a year).
SEQUENTIAL_ALARM: Final = 22.4
# Published as pending: about eight healthy hosts a day of 20,000 with 12 million requests a minute
# reach it, and a 5 % gray host exceeds it within 30 s in 99 of 100 cases.
SEQUENTIAL_PENDING: Final = 15.5
# The alternative hypothesis: ten times the peers' rate, and at least 2 %. 152 requests prove 5 %
# over 0.1 %.
SEQUENTIAL_TIMES: Final = 10.0
SEQUENTIAL_LEAST_RATE: Final = 0.02
# One pane adds at most three quarters of the alarm, so one burst of ten seconds (a retry storm, a
# deployment) never suffices alone.
SEQUENTIAL_PANE_PART: Final = 0.75
# Hosts of a service whose evidence is kept between windows; of 20,000 hosts at 10 requests/s and
# 0.1 % about 2,000 have any. The limit over all services of a partition keeps the state record
# below its own. Evidence beyond it is dropped, which benefits the host.
SEQUENTIAL_REMEMBERED: Final = 4_096
SEQUENTIAL_REMEMBERED_IN_ALL: Final = 8_192
# With fewer hosts the rate of the peers is unknown.
SEQUENTIAL_LEAST_HOSTS: Final = 3
# To be blamed itself a host must still be this improbable without its worst caller. Weaker than the
# threshold of the alarm: in most services a fifth or more of a window's requests are from others.
SEQUENTIAL_REST_P: Final = 1e-4

# D4, peer latency. --------------------------------------------------------------------------------

# The smallest slowdown that counts is 25 %; the higher levels only find larger ones sooner. In the
# labelled data a sick device is 1.9 to 2.2 times as slow as its peers: 1.8 is below that.
LATENCY_LEVELS: Final = (1.25, 1.5, 1.8)
# How many sigmas above a level a record counts in full. Healthy devices in a bad spell and sick
# ones differ up to 1.6 sigma and hardly above (logistic regression on spells of 25 minutes), and
# there the level of 1.5 is at 1.04 sigma: half a sigma or less above a level.
LATENCY_FULL_SIGMAS: Final = 1.0 / 3.0
# A record far below a level subtracts what six records add: a sick device is as fast as its peers
# in 2 % of minutes, a healthy one in a bad spell in 20 %.
LATENCY_TAKEN_RECORDS: Final = 6.0
# For the quietest services: healthy devices stayed above 1.8 for 2 minutes and above 1.5 for 7.
LATENCY_LEAST_RECORDS: Final = 6.0
# The factor of the noise, the one number that trades false alarms for time: the worst of 350
# healthy devices of a noisy cluster reaches 0.85 of the evidence needed in two weeks, the worst of
# 300 hosts with noise of 30 % and a correlation of 0.5 reaches 0.75 in three days.
LATENCY_RECORDS_PER_NOISE: Final = 11.5
# Larger fleets need more evidence, by this part for every factor of e in hosts: that is how fast
# the worst scores of healthy devices thin out.
LATENCY_USUAL_HOSTS: Final = 400
LATENCY_MORE_PER_FOLD: Final = 0.15
# Evidence is capped at twice what is needed, so a repaired host clears within minutes.
LATENCY_MOST_EVIDENCE: Final = 2.0
# Bad spells last a quarter of an hour to a few hours; half an hour covers most of them.
LATENCY_BLOCK_RECORDS: Final = 30
# Averaging of the two measures of noise: follows the time of day and is usable after minutes.
LATENCY_SIGMA_RECORDS: Final = 60
LATENCY_INFLATION_RECORDS: Final = 15
# One record is clipped to this when noise is measured: tails are not the bulk.
LATENCY_MOST_SIGMAS: Final = 4.0
# Even hosts that agree within one per cent today differ by this much tomorrow.
LATENCY_LEAST_SIGMA: Final = 0.05
# Without a panel: the value of the more persistent of two clusters.
LATENCY_USUAL_INFLATION: Final = 9.0
# The median of four others is that of healthy hosts even if one of them is sick.
LATENCY_LEAST_PEERS: Final = 4
# Fewer hosts give no reliable spread.
LATENCY_LEAST_HOSTS: Final = 8
# A mean over a quarter of the usual number of requests is twice as noisy; such hosts are left out.
LATENCY_LEAST_COUNT_PART: Final = 0.25
# After half an hour of absence the host is gone, or its old evidence says nothing any more.
LATENCY_FORGET_RECORDS: Final = 30
# Hosts with evidence, and hosts of all panels, over all services of a partition; a panel of 512
# measures the spread within 5 %. Snapshots stay below 400 kB.
LATENCY_REMEMBERED: Final = 4_096
LATENCY_PANEL_HOSTS: Final = 512
LATENCY_PANELS_IN_ALL: Final = 4_096
# Services that are tracked.
LATENCY_SERVICES: Final = 1_000
# More than a tenth of the hosts are not slow independently: two generations of machines, or a load
# that reaches only some. They are published and marked as shared. Three at once do happen: in the
# labelled data a node of twelve devices has up to three sick ones.
LATENCY_SHARED_FRACTION: Final = 0.1
LATENCY_SHARED_HOSTS: Final = 3

# D5, silence. -------------------------------------------------------------------------------------

# Absent for three panes: a lost batch of a shipper is one pane, a restart two.
SILENT_PANES: Final = 3
# A silent host is remembered for an hour; after that it was taken out of service.
SILENT_FORGET_MS: Final = 3_600_000
# exp(-25) = 1e-11: the host must have been so busy that chance alone makes one of 20,000 hosts
# silent for 30 s less than once a year.
SILENT_LEAST_EXPECTED: Final = 25.0
# Silent hosts remembered per partition; those that fell silent last are kept.
SILENT_REMEMBERED: Final = 2_048
# Silent hosts with an alarm of their own: at most twenty at once, and at most a part of the fleet
# (two in a small one). More are a zone, a deployment or the collector.
SILENT_NAMED: Final = 20
SILENT_NAMED_FRACTION: Final = 0.05
SILENT_NAMED_LEAST: Final = 2
# A silent zone: hypergeometric tail of its silent hosts, and a tenth of its hosts, at least three.
SILENT_ZONE_P: Final = 1e-6
SILENT_ZONE_FRACTION: Final = 0.1
SILENT_ZONE_HOSTS: Final = 3

# D6, caller-out. ----------------------------------------------------------------------------------

# A service has a sole caller when that caller's faults are on a quarter of its hosts (at least
# three): then callers explain nothing and are ignored.
SOLE_CALLER_FRACTION: Final = 0.25
SOLE_CALLER_HOSTS: Final = 3

# D7, the fleet guard. -----------------------------------------------------------------------------

# When the clean hosts fail five times as often as in the last hour, the cause is shared.
GUARD_TIMES: Final = 5.0
# And more often than chance explains: 30 faults beyond five times the baseline have a tail below
# 1e-7 where only chance is at work.
GUARD_MIN_FAULTS: Final = 30.0
# Memory of the baseline; after this time a new level is the usual one.
GUARD_BASELINE_MS: Final = 3_600_000
# With less data than this the usual level is unknown.
GUARD_WARM_UP_MS: Final = 300_000
# Kubernetes stops evicting when much of a zone is bad; 5 % of a fleet never fail independently at
# once. The floor lets a small fleet lose a pair.
GUARD_SUSPECT_FRACTION: Final = 0.05
GUARD_SUSPECT_HOSTS: Final = 2
# A fifth of the hosts missing at once is a collector, a deployment or the network, not a host.
GUARD_MISSING_FRACTION: Final = 0.2
# In smaller fleets a fifth is one or two hosts.
GUARD_LEAST_HOSTS: Final = 10
# Calm time before actions are allowed again.
GUARD_REST_MS: Final = 120_000
# Services with a usual level, and zones of each: below 100 kB in the state record.
GUARD_REMEMBERED: Final = 500
GUARD_ZONES: Final = 12

# Z1, zones. ---------------------------------------------------------------------------------------

# 8,640 windows a day, 3 zones, 4 signals, 3 of 5 overlapping windows: 1e-6 is one window in ten
# days and none that lasts.
ZONE_MAX_P: Final = 1e-6
# Uneven traffic shows from 20 faults; of 30, chance gives one zone of three 66 % in 0.06 %.
ZONE_MIN_FAULTS: Final = 30
# Hardware and distance make zones differ by a half; twice the rate is an event.
ZONE_RATIO: Final = 2.0
# Retries and bursts: if the clean hosts scatter more than this, all counts are divided by it.
ZONE_MAX_DISPERSION: Final = 1.5
# AWS's own construct needs more than one instance, and a tenth where there are many.
ZONE_ELEVATED_FRACTION: Final = 0.1
ZONE_ELEVATED_HOSTS: Final = 3
# A host is elevated at twice the rate of the other zones, with two faults and p below 1 %: a
# healthy one is in less than 1 % of windows.
ZONE_HOST_P: Final = 0.01
ZONE_HOST_RATIO: Final = 2.0
ZONE_HOST_MIN_FAULTS: Final = 2
