/** What every run of a study shares, worked out once: stream, segments, schedule, recorded lengths. */
import { resolve } from 'node:path'
import type { Segment } from '../drive/job.ts'
import type { Scenario } from '../scenario/scenario.ts'
import type { StreamSpec } from '../shapes/stream.ts'
