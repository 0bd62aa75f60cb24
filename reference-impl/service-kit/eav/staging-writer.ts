/**
 * A batch of writes into PostgreSQL: COPY into staging, and the critical ones into the hot projection, in one transaction.
 * In: writes. Out: committed or not. A repeat is not noticed here: that is the flush's to do, after the ack.
 */
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import type { Deadline } from '../deadline.ts'
import { failureOf, isWorthRepeating } from '../postgres/failure.ts'
import type { Lanes } from '../postgres/lanes.ts'
import type { BatchWriter, Written } from '../written.ts'
import type { EntityCache } from './cache.ts'
import type { AttributeWrite } from './door.ts'
import { arrayLiterals, copyRows } from './row-text.ts'
import { COPY_STAGING, PROJECT_GIVEN, type ProjectedRow } from './statements.ts'

export interface StagingWriterOptions {
  readonly cache: Pick<EntityCache, 'put' | 'forget' | 'databaseLosses'>
  /** Whether batches without a critical write commit with synchronous_commit = off. */
  readonly asyncNonCritical: boolean
}

const ATTEMPTS_MAX = 3
const STORED: Written = { state: 'stored', duplicates: [] }
const LATE: Written = { state: 'unknown', because: 'PostgreSQL did not answer in time' }

export class StagingWriter implements BatchWriter<AttributeWrite> {
  readonly #lanes: Lanes
  readonly #options: StagingWriterOptions

  constructor(lanes: Lanes, options: StagingWriterOptions) {
    this.#lanes = lanes
    this.#options = options
  }

  async write(writes: readonly AttributeWrite[], deadline: Deadline): Promise<Written> {
    let client = this.#lanes.takeIdle()
    try {
      client ??= await this.#lanes.connect()
    } catch (error) {
      return failureOf(error, false)
    }
    const critical = writes.filter((write) => write.critical)
    const written = await orLate(this.#attempt(client, { writes, critical }), deadline)
    if (written.state === 'unknown') {
      this.#lanes.discard(client)
      // It may be committed, and then the cache is older than the projection.
      if (critical.length > 0) this.#options.cache.forget()
    } else this.#lanes.giveBack(client)
    return written
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#lanes[Symbol.asyncDispose]()
  }

  /** Never rejects. A transaction that lost a deadlock was rolled back whole and goes again. */
  async #attempt(client: pg.Client, batch: Batch): Promise<Written> {
    const { cache } = this.#options
    const { databaseLosses } = cache
    for (let attempt = 1; ; attempt++) {
      let projected: readonly ProjectedRow[]
      try {
        projected = await this.#commit(client, batch)
      } catch (error) {
        if (isWorthRepeating(error) && attempt < ATTEMPTS_MAX) continue
        return failureOf(error, true)
      }
      // Before the ack: whoever was told that a write is stored reads it from the cache too.
      await cache.put(projected, databaseLosses)
      return STORED
    }
  }

  async #commit(client: pg.Client, { writes, critical }: Batch): Promise<readonly ProjectedRow[]> {
    const copy = async (): Promise<void> => {
      await pipeline(Readable.from([copyRows(writes)]), client.query(copyFrom(COPY_STAGING)))
    }
    const isPlain = critical.length === 0 && !this.#options.asyncNonCritical
    if (isPlain) {
      await copy()
      return []
    }
    await client.query('BEGIN')
    try {
      if (critical.length === 0) await client.query('SET LOCAL synchronous_commit = off')
      await copy()
      const rows = critical.length === 0 ? [] : await project(client, critical)
      await client.query('COMMIT')
      return rows
    } catch (error) {
      // The first error is the one that tells; a rollback that fails only says that the connection is gone.
      await client.query('ROLLBACK').catch(() => undefined)
      throw error
    }
  }
}

interface Batch {
  readonly writes: readonly AttributeWrite[]
  readonly critical: readonly AttributeWrite[]
}

async function project(
  client: pg.Client,
  critical: readonly AttributeWrite[],
): Promise<readonly ProjectedRow[]> {
  const { rows } = await client.query<ProjectedRow>({
    name: 'project',
    text: PROJECT_GIVEN,
    values: [...arrayLiterals(critical)],
  })
  return rows
}

function orLate(writing: Promise<Written>, deadline: Deadline): Promise<Written> {
  return new Promise((resolve) => {
    deadline.whenExpired(() => {
      resolve(LATE)
    })
    void writing.then((written) => {
      deadline.whenExpired(null)
      resolve(written)
    })
  })
}
