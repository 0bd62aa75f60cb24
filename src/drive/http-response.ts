/**
 * HTTP/1.1 responses out of a byte stream that may be cut anywhere. In: chunks as the socket delivers them. Out: one
 * call per final response. It is strict: a driver that guesses would report outcomes that never happened.
 */
import {
  endOfHead,
  lengthOf,
  nameIs,
  nameLength,
  nextLine,
  ProtocolError,
  statusOf,
} from './http-head.ts'

const LF = 10
const LOWER = 0x20
const HEAD_MAX_BYTES = 65_536
const BODY_MAX_BYTES = 16 * 1_048_576
const CHUNK_LINE_MAX_BYTES = 1_024

export interface HttpResponse {
  readonly status: number
  /** The connection may carry another request. */
  readonly keepAlive: boolean
  /** Bytes from…to of `buffer`, valid until the callback returns. */
  readonly buffer: Buffer
  readonly from: number
  readonly to: number
}

type State =
  | 'head'
  | 'body-of-length'
  | 'body-until-close'
  | 'chunk-size'
  | 'chunk-data'
  | 'chunk-end'
  | 'trailer'

const EMPTY = Buffer.alloc(0)

export class ResponseParser implements HttpResponse {
  status = 0
  keepAlive = true
  buffer: Buffer = EMPTY
  from = 0
  to = 0
  /** From `Keep-Alive: timeout=`; null where the server does not say. */
  keepAliveS: number | null = null

  readonly #onResponse: (response: HttpResponse) => void
  #state: State = 'head'
  /** Bytes of a head, a chunk-size line or a trailer line that is not complete yet. */
  #partial = EMPTY
  #body = EMPTY
  #bodyBytes = 0
  /** Bytes still to come of the body or the chunk. */
  #missing = 0
  #hasLength = false
  #chunked = false

  constructor(onResponse: (response: HttpResponse) => void) {
    this.#onResponse = onResponse
  }

  /** Nothing of a next response has arrived. */
  get between(): boolean {
    return this.#state === 'head' && this.#partial.length === 0
  }

  /** @throws ProtocolError */
  feed(chunk: Buffer, bytes: number): void {
    let at = 0
    while (at < bytes) at = this.#step(chunk, at, bytes)
  }

  /** The peer ended its side: completes a body that ends that way. Returns whether a response was cut off. */
  end(): boolean {
    if (this.#state === 'body-until-close') {
      this.keepAlive = false
      this.#finish(this.#body, 0, this.#bodyBytes)
      return false
    }
    return !this.between
  }

  #step(chunk: Buffer, at: number, bytes: number): number {
    switch (this.#state) {
      case 'head':
        return this.#readHead(chunk, at, bytes)
      case 'body-of-length':
        return this.#readBody(chunk, at, bytes)
      case 'body-until-close':
        this.#keep(chunk, at, bytes)
        return bytes
      case 'chunk-data':
        return this.#readChunk(chunk, at, bytes)
      case 'chunk-size':
      case 'chunk-end':
      case 'trailer':
        return this.#readLine(chunk, at, bytes)
    }
  }

  #readHead(chunk: Buffer, at: number, bytes: number): number {
    if (this.#partial.length === 0) {
      const end = endOfHead(chunk, at, bytes)
      if (end >= 0) {
        this.#takeHead(chunk, at, end)
        return this.#afterHead(chunk, end, bytes)
      }
      this.#partial = Buffer.from(chunk.subarray(at, bytes))
    } else {
      const had = this.#partial.length
      const joined = Buffer.concat([this.#partial, chunk.subarray(at, bytes)])
      const end = endOfHead(joined, Math.max(0, had - 3), joined.length)
      if (end >= 0) {
        this.#partial = EMPTY
        this.#takeHead(joined, 0, end)
        return this.#afterHead(chunk, at + end - had, bytes)
      }
      this.#partial = joined
    }
    if (this.#partial.length > HEAD_MAX_BYTES) throw new ProtocolError('the head does not end')
    return bytes
  }

  #takeHead(buffer: Buffer, from: number, to: number): void {
    this.status = statusOf(buffer, from, to)
    // HTTP/1.0 closes unless it says otherwise.
    this.keepAlive = buffer[from + 7] === 49
    this.#hasLength = false
    this.#chunked = false
    this.#missing = 0
    let line = nextLine(buffer, from, to)
    while (line < to) {
      const next = nextLine(buffer, line, to)
      const first = (buffer[line] ?? 0) | LOWER
      // c(ontent-length, onnection), t(ransfer-encoding), k(eep-alive): nothing else decides anything.
      if (first === 99 || first === 116 || first === 107) this.#takeField(buffer, line, next)
      line = next
    }
  }

  /** The length of a name tells the few that matter apart before a letter is compared. */
  #takeField(buffer: Buffer, from: number, to: number): void {
    const colon = from + nameLength(buffer, from, to)
    const length = colon - from
    if (length === 10) this.#takeConnection(buffer, from, to)
    else if (length === 14 && nameIs(buffer, from, 'content-length')) {
      this.#takeLength(lengthOf(buffer, colon + 1, to))
    } else if (length === 17 && nameIs(buffer, from, 'transfer-encoding')) {
      this.#chunked = /(^|,)\s*chunked$/i.test(buffer.toString('latin1', colon + 1, to).trim())
      if (!this.#chunked) this.keepAlive = false
    }
  }

  #takeConnection(buffer: Buffer, from: number, to: number): void {
    if (nameIs(buffer, from, 'connection')) {
      const value = buffer.toString('latin1', from + 11, to).toLowerCase()
      if (value.includes('close')) this.keepAlive = false
      else if (value.includes('keep-alive')) this.keepAlive = true
    } else if (this.keepAliveS === null && nameIs(buffer, from, 'keep-alive')) {
      const said = /timeout=(\d+)/i.exec(buffer.toString('latin1', from + 11, to))
      if (said !== null) this.keepAliveS = Number(said[1])
    }
  }

  #takeLength(length: number): void {
    if (this.#hasLength && this.#missing !== length) throw new ProtocolError('two content lengths')
    this.#hasLength = true
    this.#missing = length
  }

  /** Decides how the body ends; a whole body in the same chunk is handed on without a copy. */
  #afterHead(chunk: Buffer, at: number, bytes: number): number {
    if (this.status < 200) {
      if (this.status === 101) throw new ProtocolError('the server switches protocols')
      return at
    }
    if (this.status === 204 || this.status === 304) {
      this.#finish(EMPTY, 0, 0)
      return at
    }
    this.#bodyBytes = 0
    if (this.#chunked) {
      this.#state = 'chunk-size'
      return at
    }
    if (!this.#hasLength) {
      this.keepAlive = false
      this.#state = 'body-until-close'
      return at
    }
    const end = at + this.#missing
    if (end <= bytes) {
      this.#finish(chunk, at, end)
      return end
    }
    this.#state = 'body-of-length'
    return at
  }

  #readBody(chunk: Buffer, at: number, bytes: number): number {
    const take = Math.min(this.#missing, bytes - at)
    this.#keep(chunk, at, at + take)
    this.#missing -= take
    if (this.#missing === 0) this.#finish(this.#body, 0, this.#bodyBytes)
    return at + take
  }

  #readChunk(chunk: Buffer, at: number, bytes: number): number {
    const take = Math.min(this.#missing, bytes - at)
    this.#keep(chunk, at, at + take)
    this.#missing -= take
    if (this.#missing === 0) this.#state = 'chunk-end'
    return at + take
  }

  #readLine(chunk: Buffer, at: number, bytes: number): number {
    const end = chunk.subarray(0, bytes).indexOf(LF, at)
    const upTo = end < 0 ? bytes : end + 1
    const line = Buffer.concat([this.#partial, chunk.subarray(at, upTo)])
    if (line.length > CHUNK_LINE_MAX_BYTES) throw new ProtocolError('a chunk line does not end')
    if (end < 0) {
      this.#partial = line
      return bytes
    }
    this.#partial = EMPTY
    this.#takeLine(line.toString('latin1').trim())
    return upTo
  }

  #takeLine(line: string): void {
    if (this.#state === 'chunk-end') {
      if (line !== '') throw new ProtocolError('a chunk is longer than it says')
      this.#state = 'chunk-size'
      return
    }
    if (this.#state === 'trailer') {
      if (line === '') this.#finish(this.#body, 0, this.#bodyBytes)
      return
    }
    const size = line.split(';', 1)[0]?.trim() ?? ''
    if (!/^[0-9a-f]{1,12}$/i.test(size)) throw new ProtocolError('a chunk has no size')
    this.#missing = Number.parseInt(size, 16)
    this.#state = this.#missing === 0 ? 'trailer' : 'chunk-data'
  }

  #keep(chunk: Buffer, from: number, to: number): void {
    const needed = this.#bodyBytes + to - from
    if (needed > BODY_MAX_BYTES) throw new ProtocolError('the body is longer than 16 MiB')
    if (needed > this.#body.length) {
      const grown = Buffer.allocUnsafe(Math.max(needed, 2 * this.#body.length, 4_096))
      this.#body.copy(grown, 0, 0, this.#bodyBytes)
      this.#body = grown
    }
    chunk.copy(this.#body, this.#bodyBytes, from, to)
    this.#bodyBytes = needed
  }

  #finish(buffer: Buffer, from: number, to: number): void {
    this.#state = 'head'
    this.buffer = buffer
    this.from = from
    this.to = to
    this.#onResponse(this)
    this.#bodyBytes = 0
  }
}
