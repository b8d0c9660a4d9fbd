"""Every constant of the detectors, each with its reason. Settings may override those they name.

Law: a cut stands here and nowhere else, and it was chosen on simulated fleets and published
arithmetic, never on the fleet that measures it. Times in milliseconds unless the name says so.
"""

from typing import Final

# D0, the talk's rule. -----------------------------------------------------------------------------

# The talk's own share, strict.
R66_SHARE: Final = 0.66
# With 3 equal zones 66 % of 10 faults happen by chance in 6 % of windows, of 30 in 0.06 %; 25 of
# the window and 10 of one host leave the bare rule less than one firing a month on quiet fleets.
R66_MIN_TOTAL_FAULTS: Final = 25
R66_MIN_HOST_FAULTS: Final = 10
# Windows slide by a sixth, so 3 of 5 is a condition that lasts 30 s and survives two quiet panes.
WINDOWS_REQUIRED: Final = 3
WINDOWS_SEEN: Final = 5

# The share test, which confirms D0 and is D1 on its own. ------------------------------------------

# A healthy host may run a quarter above its peers: caches, larger instances, harder requests.
SHARE_RHO: Final = 1.25
# Less than three times the rate of the peers is not a gray failure worth a host.
SHARE_RATIO: Final = 3.0
# Four faults prove nothing at any rate: the smallest count whose tail can reach the cut.
SHARE_MIN_FAULTS: Final = 5
# False discovery rate of Benjamini and Hochberg for confirming what the 66 % rule has raised.
SHARE_Q: Final = 1e-3
# Suspects leave the baseline; 300 bad hosts of 1,000 settle in three rounds.
SHARE_MAX_ROUNDS: Final = 8
# More than half of the hosts cannot be worse than their peers: there are no peers left.
SHARE_FLEET_EVENT_FRACTION: Final = 0.5
# On its own the test asks every host in every window, 1.7e8 times a day at 20,000 hosts, and
# windows overlap: q = 1e-3 names a healthy host for 3 of 5 windows once or twice a month, 1e-4 once
# a year, 1e-5 once in ten. It costs one fault more per host.
SHARE_ALONE_Q: Final = 1e-5
# Most hosts that one window names, worst first, as many as a report lists: more have a shared
# cause, and D7 says so.
MOST_NAMED: Final = 500

# D2, several culprits. ----------------------------------------------------------------------------

# Never more culprits than could be replaced: the part of the fleet that the budget allows an hour.
R66K_FLEET_FRACTION: Final = 0.01
# Small fleets have pairs too: 40/40/20 is what the talk's rule cannot see.
R66K_LEAST_MOST: Final = 2

# D3, the sequential test. -------------------------------------------------------------------------

# ln(20,000 hosts x 8,640 panes a day x 30 days) = 22.4: at most one false alarm a month in such a
# fleet (Wald's bound; counted over 10 s panes it is nearer to two a year).
SEQUENTIAL_ALARM: Final = 22.4
# Published as pending: about eight healthy hosts a day in 20,000 with 12 million requests a minute
# reach it, and a 5 % gray host passes it within 30 s in 99 of 100 cases.
SEQUENTIAL_PENDING: Final = 15.5
# The alternative: ten times the peers' rate, and at least 2 %: 152 requests prove 5 % over 0.1 %.
SEQUENTIAL_TIMES: Final = 10.0
SEQUENTIAL_LEAST_RATE: Final = 0.02
# One pane may bring three quarters of the alarm at most, so that one burst of ten seconds (a retry
# storm, a deployment) never suffices alone.
SEQUENTIAL_PANE_PART: Final = 0.75
# Hosts of a service that evidence is kept of between windows; of 20,000 at 10 requests/s and 0.1 %
# about 2,000 have any. In all services of a partition, so that the state record stays below its
# limit. What is beyond is forgotten, which speaks for the host.
SEQUENTIAL_REMEMBERED: Final = 4_096
SEQUENTIAL_REMEMBERED_IN_ALL: Final = 8_192
# Fewer hosts have no peers whose rate could be known.
SEQUENTIAL_LEAST_HOSTS: Final = 3
# Without its worst caller a host must still be this improbable to be blamed itself. Less than what
# raised it: a fifth of the requests of a window are another caller's or more in most services.
SEQUENTIAL_REST_P: Final = 1e-4

# D4, peer latency. --------------------------------------------------------------------------------

# The smallest slowdown that counts is 25 %; the levels above it only find larger ones sooner. A
# sick device is 1.9 to 2.2 times as slow as its peers in the labelled data: 1.8 lies below that.
LATENCY_LEVELS: Final = (1.25, 1.5, 1.8)
# Where between level and noise a record counts in full. Healthy devices in a bad spell and sick
# ones differ up to 1.6 sigma and hardly above (logistic regression on spells of 25 minutes), and
# the level of 1.5 lies at 1.04 sigma where that was seen: half a sigma or less above a level.
LATENCY_FULL_SIGMAS: Final = 1.0 / 3.0
# A record far below a level takes as much as six add: a sick device is as fast as its peers in 2 %
# of minutes, a healthy one in a bad spell in 20 %.
LATENCY_TAKEN_RECORDS: Final = 6.0
# However quiet a service is: healthy devices were above 1.8 for 2 minutes running, 1.5 for 7.
LATENCY_LEAST_RECORDS: Final = 6.0
# The factor of the noise, the one number that sets false alarms against time: the worst of 350
# healthy devices of a noisy cluster reaches 0.85 of what is asked for in two weeks, the worst of
# 300 hosts with noise of 30 % and a correlation of 0.5 reaches 0.75 in three days.
LATENCY_RECORDS_PER_NOISE: Final = 11.5
# Above so many hosts more is asked for, by this part for every factor of e: that is how fast the
# worst scores of healthy devices thin out.
LATENCY_USUAL_HOSTS: Final = 400
LATENCY_MORE_PER_FOLD: Final = 0.15
# Evidence never exceeds twice what is asked for, so that a host that was mended clears in minutes.
LATENCY_MOST_EVIDENCE: Final = 2.0
# A quarter of an hour to a few hours is how long spells last; half an hour sees most of them.
LATENCY_BLOCK_RECORDS: Final = 30
# Memories of the two measures of noise: it follows the time of day, and is there after minutes.
LATENCY_SIGMA_RECORDS: Final = 60
LATENCY_INFLATION_RECORDS: Final = 15
# What counts as one record at most when noise is measured: tails are not the bulk.
LATENCY_MOST_SIGMAS: Final = 4.0
# Hosts that are alike to the last per cent still differ by this much tomorrow.
LATENCY_LEAST_SIGMA: Final = 0.05
# Without a panel: what the more persistent of two clusters shows.
LATENCY_USUAL_INFLATION: Final = 9.0
# The median of four others is one healthy host even if one of them is sick.
LATENCY_LEAST_PEERS: Final = 4
# Fewer hosts give no spread.
LATENCY_LEAST_HOSTS: Final = 8
# A mean over a quarter of the usual number of requests is twice as noisy; such hosts are left out.
LATENCY_LEAST_COUNT_PART: Final = 0.25
# Half an hour of absence: the host has been taken away, or nothing is known of it any more.
LATENCY_FORGET_RECORDS: Final = 30
# Hosts that carry evidence, and hosts of all panels, of all services of a partition together; a
# panel of 512 measures the spread within 5 %. Snapshots stay below 400 kB.
LATENCY_REMEMBERED: Final = 4_096
LATENCY_PANEL_HOSTS: Final = 512
LATENCY_PANELS_IN_ALL: Final = 4_096
# Services that are followed.
LATENCY_SERVICES: Final = 1_000
# More than a tenth of the hosts cannot be slow by themselves: two generations of machines, a load
# that reaches only some. They are reported, and marked as shared. Three at once happen: a node of
# twelve devices has up to three sick ones in the labelled data.
LATENCY_SHARED_FRACTION: Final = 0.1
LATENCY_SHARED_HOSTS: Final = 3

# D5, silence. -------------------------------------------------------------------------------------

# Absent for three panes: one lost batch of a shipper is one pane, a restart two.
SILENT_PANES: Final = 3
# A host counts as present for an hour; then it has been removed.
SILENT_FORGET_MS: Final = 3_600_000
# exp(-25) = 1e-11: a host must have been so busy that chance alone is silent for 30 s less than
# once in a year of 20,000 hosts.
SILENT_LEAST_EXPECTED: Final = 25.0
# Silent hosts that are remembered for one partition, the latest to fall silent first.
SILENT_REMEMBERED: Final = 2_048
# Silent hosts that get an alarm of their own: no more at once than a part of the fleet (two in a
# small one), or it is a zone, a deployment or the collector, and twenty at the most.
SILENT_NAMED: Final = 20
SILENT_NAMED_FRACTION: Final = 0.05
SILENT_NAMED_LEAST: Final = 2
# A zone: hypergeometric over the silent hosts, and a tenth of its hosts, at least three.
SILENT_ZONE_P: Final = 1e-6
SILENT_ZONE_FRACTION: Final = 0.1
SILENT_ZONE_HOSTS: Final = 3

# D6, caller-out. ----------------------------------------------------------------------------------

# A service with one caller only is recognised by that caller's faults on a quarter of its hosts
# (three at least): then callers explain nothing and are left out of account.
SOLE_CALLER_FRACTION: Final = 0.25
SOLE_CALLER_HOSTS: Final = 3

# D7, the fleet guard. -----------------------------------------------------------------------------

# The clean hosts fail five times as often as in the last hour: whatever it is, it is shared.
GUARD_TIMES: Final = 5.0
# And so often that chance does not do it: 30 faults beyond what five times the baseline explains
# have a tail below 1e-7 even where nothing but chance is at work.
GUARD_MIN_FAULTS: Final = 30.0
# Memory of the baseline; after it a new level has become the usual one.
GUARD_BASELINE_MS: Final = 3_600_000
# Before this much was logged, the usual level is not known.
GUARD_WARM_UP_MS: Final = 300_000
# Kubernetes stops evicting when much of a zone is bad; 5 % of a fleet never fails by itself at
# once. The floor lets a small fleet lose a pair.
GUARD_SUSPECT_FRACTION: Final = 0.05
GUARD_SUSPECT_HOSTS: Final = 2
# A fifth of the hosts gone at once is a collector, a deployment or the network, not a host.
GUARD_MISSING_FRACTION: Final = 0.2
# Below this many hosts one host is already a fifth.
GUARD_LEAST_HOSTS: Final = 10
# How long it must have been calm before actions may be taken again.
GUARD_REST_MS: Final = 120_000
# Services that a guard knows the usual level of, and zones of each: below 100 kB in the record.
GUARD_REMEMBERED: Final = 500
GUARD_ZONES: Final = 12

# Z1, zones. ---------------------------------------------------------------------------------------

# 8,640 windows a day, 3 zones, 4 signals, 3 of 5 of overlapping windows: 1e-6 is one window in ten
# days and none that lasts.
ZONE_MAX_P: Final = 1e-6
# From 20 faults on uneven traffic is visible, at 30 chance gives 66 % to one of three in 0.06 %.
ZONE_MIN_FAULTS: Final = 30
# Zones differ by a half in hardware and distance; twice the rate is an event.
ZONE_RATIO: Final = 2.0
# Retries and bursts: above this scatter of the clean hosts all counts are divided by it.
ZONE_MAX_DISPERSION: Final = 1.5
# AWS's own construct asks for more than one instance, and a tenth of them where there are many.
ZONE_ELEVATED_FRACTION: Final = 0.1
ZONE_ELEVATED_HOSTS: Final = 3
# A host is elevated at twice the rate of the other zones, with two faults, below 1 %: a healthy one
# is in less than 1 % of windows.
ZONE_HOST_P: Final = 0.01
ZONE_HOST_RATIO: Final = 2.0
ZONE_HOST_MIN_FAULTS: Final = 2
