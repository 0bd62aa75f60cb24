/**
 * Identities of the last minutes in Redis (mission-map 2.1 c). In: identities about to be written. Out: which of them are
 * this batch's to write, which are stored already, which somebody else is writing now.
 *
 * A key is a claim first and a fact later. SET NX PX claims it for a little longer than a write may take; only after the
 * commit it says `stored`, for the whole window. A claim whose write failed is given back; one whose owner died, or whose
 * write nobody knows the end of, runs out: an identity is never taken for stored because somebody meant to store it. Where
 * Redis is away nothing is claimed, and all is written: a repeat is then stored again, and none is lost. Only claims wait
 * for Redis to be back: what became of one that was made is sent in any case, and fails at once without a connection.
 */
import { randomUUID } from 'node:crypto'
import type { ChainableCommander, Redis } from 'ioredis'
import type { RedisAddress } from '../../../src/engines/redis/address.ts'
import { messageOf } from '../../../src/kit/errors.ts'
import { redisClient } from '../redis-client.ts'

export interface WindowOptions {
  readonly windowMs: number
  /** How long a claim holds without its owner: longer than any write may take. */
  readonly claimMs: number
  /** Longest a command may take before Redis counts as away. */
  readonly timeoutMs: number
  readonly log: (line: string) => void
}

export interface WindowMeter {
  /** Events told as stored already. */
  readonly repeats: number
  /** Events refused because the same one was being written. */
  readonly underWay: number
  /** Commands that failed or took too long. */
  readonly errors: number
  /** Events written without asking, while Redis was away. */
  readonly bypassed: number
  /** Events stored in batches of which Redis did not confirm that it noted them: their claims may run out. */
  readonly unkept: number
  readonly isUp: boolean
}

/** `unguarded`: Redis could not be asked. */
export type Claim = 'mine' | 'stored' | 'under-way' | 'unguarded'

export interface Claims {
  /** By position of the identity. */
  readonly states: readonly Claim[]
  /** The write is committed: what was claimed is stored. Never rejects. */
  keep(): Promise<void>
  /** It is not and will not be: whoever sends it again may write it. Never rejects. */
  giveBack(): Promise<void>
}

const STORED = 'stored'
const RETRY_MS = 200
/** Only the owner's own claim: it may have run out and be another's by now. */
const GIVE_BACK = `if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0`

export class DedupWindow implements AsyncDisposable {
  readonly #redis: Redis
  readonly #prefix: string
  readonly #options: WindowOptions
  readonly #retry: NodeJS.Timeout
  #isUp = false
  #said = ''
  #repeats = 0
  #underWay = 0
  #errors = 0
  #bypassed = 0
  #unkept = 0

  private constructor(redis: Redis, prefix: string, options: WindowOptions) {
    this.#redis = redis
    this.#prefix = prefix
    this.#options = options
    this.#retry = setInterval(() => {
      if (!this.#isUp) void this.#tryAgain()
    }, RETRY_MS).unref()
  }

  /** A Redis that is away is no reason not to serve. */
  static async open(address: RedisAddress, options: WindowOptions): Promise<DedupWindow> {
    const redis = redisClient(address, {
      name: 'headroom dedup',
      timeoutMs: options.timeoutMs,
      retryMs: RETRY_MS,
    })
    const window = new DedupWindow(redis, address.keyPrefix ?? '', options)
    await redis.connect().catch(() => undefined)
    await window.#tryAgain()
    return window
  }

  get meter(): WindowMeter {
    return {
      repeats: this.#repeats,
      underWay: this.#underWay,
      errors: this.#errors,
      bypassed: this.#bypassed,
      unkept: this.#unkept,
      isUp: this.#isUp,
    }
  }

  /** Never rejects. Identities of one call differ. */
  async claim(identities: readonly string[]): Promise<Claims> {
    const token = randomUUID()
    const keys = identities.map((identity) => `${this.#prefix}dedup:${identity}`)
    const states = await this.#claimed(keys, token)
    for (const state of states) {
      if (state === 'stored') this.#repeats++
      if (state === 'under-way') this.#underWay++
      if (state === 'unguarded') this.#bypassed++
    }
    const mine = keys.filter((_, index) => states[index] === 'mine')
    return {
      states,
      keep: async () => {
        const noted = await this.#send(mine, (pipeline, key) =>
          pipeline.set(key, STORED, 'PX', this.#options.windowMs),
        )
        if (noted === null) this.#unkept += mine.length
      },
      giveBack: async () => {
        await this.#send(mine, (pipeline, key) => pipeline.eval(GIVE_BACK, 1, key, token))
      },
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#retry)
    this.#redis.disconnect()
    return Promise.resolve()
  }

  async #claimed(keys: readonly string[], token: string): Promise<readonly Claim[]> {
    if (!this.#isUp) return keys.map(() => 'unguarded')
    const answers = await this.#send(keys, (pipeline, key) =>
      pipeline.set(key, token, 'PX', this.#options.claimMs, 'NX'),
    )
    if (answers === null) return keys.map(() => 'unguarded')
    const taken = keys.filter((_, index) => answers[index] === null)
    const values = await this.#send(taken, (pipeline, key) => pipeline.get(key))
    // What is claimed already runs out by itself.
    if (values === null) return keys.map(() => 'unguarded')
    const held = new Map(taken.map((key, index) => [key, values[index]]))
    return keys.map((key) => {
      if (!held.has(key)) return 'mine'
      return held.get(key) === STORED ? 'stored' : 'under-way'
    })
  }

  /** Null where Redis did not answer every one of them. */
  async #send(
    keys: readonly string[],
    add: (pipeline: ChainableCommander, key: string) => void,
  ): Promise<readonly unknown[] | null> {
    if (keys.length === 0) return []
    const pipeline = this.#redis.pipeline()
    for (const key of keys) add(pipeline, key)
    try {
      const replies = (await pipeline.exec()) ?? []
      const [refused] = replies.flatMap(([error]) => error ?? [])
      if (refused !== undefined || replies.length < keys.length) {
        throw refused ?? new Error('cut off')
      }
      return replies.map(([, reply]) => reply)
    } catch (error) {
      this.#fail(error)
      return null
    }
  }

  #fail(error: unknown): void {
    this.#errors++
    this.#isUp = false
    this.#say(`events are stored without asking Redis: ${messageOf(error)}`)
  }

  async #tryAgain(): Promise<void> {
    try {
      await this.#redis.ping()
      this.#isUp = true
    } catch (error) {
      this.#say(`events are stored without asking Redis: ${messageOf(error)}`)
    }
  }

  /** A Redis that is full refuses for hours. */
  #say(line: string): void {
    if (line === this.#said) return
    this.#said = line
    this.#options.log(line)
  }
}
