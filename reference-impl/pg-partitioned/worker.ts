/** The worker process of pg-partitioned: it makes partitions ahead of time and drops those past retention. */
import { runMaintenance } from '../service-kit/postgres/partition/worker-process.ts'

await runMaintenance('pg-partitioned')
