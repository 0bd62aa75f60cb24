/**
 * The hot projection in Redis, written through before the ack (mission-map A19, H13). In: rows as a commit left them. Out:
 * an entity no older than the last acknowledged write, or nothing: then the primary is asked.
 *
 * What Redis may have missed is never read, nor what the database may have lost. Keys begin with a generation; as soon as one
 * write is not certain to be in, or the database was away and may have gone back, the generation changes, and what was cached
 * before is out of reach until it expires. Within a generation a row only replaces an older revision of itself, so it does not
 * matter in which order commits arrive here.
 */
import { randomUUID } from 'node:crypto'
import type { ChainableCommander, Redis } from 'ioredis'
import type { RedisAddress } from '../../../src/engines/redis/address.ts'
import { messageOf } from '../../../src/kit/errors.ts'
import { redisClient } from '../redis-client.ts'
import type { ProjectedRow } from './statements.ts'

export interface CacheOptions {
  readonly ttlS: number
  /** Longest a command may take before Redis counts as away. */
  readonly timeoutMs: number
  readonly log: (line: string) => void
}

export interface CacheMeter {
  readonly hits: number
  readonly misses: number
  /** Commands that failed or took too long. */
  readonly errors: number
  /** Reads and writes that did without, while Redis or the database was away. */
  readonly bypassed: number
  readonly isUp: boolean
}

export interface CachedEntity {
  readonly hotAttrs: string
  readonly revision: string
}

/** A moment of the cache: what was read from the primary may only be kept if nothing was forgotten since. */
export type Generation = string | null

const KEEP_NEWER = `
local held = redis.call('HGET', KEYS[1], 'r')
if held and tonumber(held) >= tonumber(ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], 'r', ARGV[1], 'b', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1`
const RETRY_MS = 200
const MS_PER_S = 1_000

type WithKeepNewer = ChainableCommander & {
  keepNewer(key: string, revision: string, body: string, ttlMs: number): ChainableCommander
}

export class EntityCache implements AsyncDisposable {
  readonly #redis: Redis
  readonly #options: CacheOptions
  readonly #prefix: string
  #generation = randomUUID()
  #isUp = false
  #hasDatabase = false
  #databaseLosses = 0
  #hits = 0
  #misses = 0
  #errors = 0
  #bypassed = 0
  readonly #retry: NodeJS.Timeout

  private constructor(redis: Redis, prefix: string, options: CacheOptions) {
    this.#redis = redis
    this.#options = options
    this.#prefix = prefix
    this.#retry = setInterval(() => {
      if (!this.#isUp) void this.#tryAgain()
    }, RETRY_MS).unref()
  }

  /** A Redis that is away is no reason not to serve. */
  static async open(address: RedisAddress, options: CacheOptions): Promise<EntityCache> {
    const redis = redisClient(address, {
      name: 'headroom eav',
      timeoutMs: options.timeoutMs,
      retryMs: RETRY_MS,
    })
    redis.defineCommand('keepNewer', { numberOfKeys: 1, lua: KEEP_NEWER })
    const cache = new EntityCache(redis, address.keyPrefix ?? '', options)
    await redis.connect().catch(() => undefined)
    await cache.#tryAgain()
    return cache
  }

  get generation(): Generation {
    return this.#isUsed ? this.#generation : null
  }

  /** How often the database may have gone back. A commit that began before the last time may be gone again. */
  get databaseLosses(): number {
    return this.#databaseLosses
  }

  get meter(): CacheMeter {
    return {
      hits: this.#hits,
      misses: this.#misses,
      errors: this.#errors,
      bypassed: this.#bypassed,
      isUp: this.#isUsed,
    }
  }

  /**
   * Never rejects. Once it resolves, no read finds an older revision of these rows.
   *
   * @param lossesBefore `databaseLosses` before their transaction began
   */
  async put(rows: readonly ProjectedRow[], lossesBefore: number): Promise<void> {
    if (rows.length === 0) return
    if (lossesBefore !== this.#databaseLosses) {
      // They may be lost, or newer than what was read since.
      this.forget()
      return
    }
    if (!this.#isUsed) {
      this.#bypassed += rows.length
      return
    }
    const pipeline = this.#redis.pipeline() as WithKeepNewer
    const ttlMs = this.#options.ttlS * MS_PER_S
    for (const row of rows) {
      const key = this.#keyOf(row.tenant_id, row.entity_id)
      pipeline.keepNewer(key, row.revision, row.hot_attrs, ttlMs)
    }
    try {
      const replies = (await pipeline.exec()) ?? []
      const [failed] = replies.flatMap(([error]) => error ?? [])
      if (failed !== undefined || replies.length < rows.length) throw failed ?? new Error('cut off')
    } catch (error) {
      this.#fail(error)
    }
  }

  /** Null: not here. */
  async get(tenantId: string, entityId: string): Promise<CachedEntity | null> {
    if (!this.#isUsed) {
      this.#bypassed++
      return null
    }
    const generation = this.#generation
    try {
      const [revision, hotAttrs] = await this.#redis.hmget(
        this.#keyOf(tenantId, entityId),
        'r',
        'b',
      )
      const isCurrent = generation === this.#generation
      if (isCurrent && typeof revision === 'string' && typeof hotAttrs === 'string') {
        this.#hits++
        return { hotAttrs, revision }
      }
      this.#misses++
      return null
    } catch (error) {
      this.#fail(error)
      return null
    }
  }

  /** Keeps what the primary answered, unless something was forgotten since the question. */
  async fill(row: ProjectedRow, asked: Generation): Promise<void> {
    if (asked !== null && asked === this.generation) await this.put([row], this.#databaseLosses)
  }

  /** After a write whose outcome nobody knows: it may be committed and is not here. */
  forget(): void {
    this.#generation = randomUUID()
  }

  /** A connection to the database broke or was refused: it may come back without what it had. */
  databaseMayGoBack(): void {
    this.#databaseLosses++
    this.forget()
  }

  /** Nothing is read or kept while nobody would notice that the database goes away. */
  databaseIs(state: 'found' | 'lost'): void {
    this.#hasDatabase = state === 'found'
    if (state === 'lost') this.databaseMayGoBack()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#retry)
    this.#redis.disconnect()
    return Promise.resolve()
  }

  get #isUsed(): boolean {
    return this.#isUp && this.#hasDatabase
  }

  #keyOf(tenantId: string, entityId: string): string {
    return `${this.#prefix}eav:${this.#generation}:${tenantId}:${entityId}`
  }

  #fail(error: unknown): void {
    this.#errors++
    this.forget()
    if (!this.#isUp) return
    this.#isUp = false
    this.#options.log(`Redis is away, reads go to PostgreSQL: ${messageOf(error)}`)
  }

  async #tryAgain(): Promise<void> {
    try {
      await this.#redis.ping()
      if (!this.#isUp) this.#options.log('Redis answers')
      this.#isUp = true
    } catch {
      // Still away: said once, when it went.
    }
  }
}
