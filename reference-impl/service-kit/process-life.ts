/**
 * How a process of an architecture begins and ends. In: JSON in HEADROOM_CONFIG, or on the first line of stdin where that
 * says `-`. Out: the configuration, and the moment it is asked to stop.
 */
import { once } from 'node:events'
import { fstatSync } from 'node:fs'

/** Reads the configuration and forgets it: child processes and crash dumps must not inherit the secrets. */
export async function takeConfig(): Promise<unknown> {
  const told = process.env['HEADROOM_CONFIG']
  delete process.env['HEADROOM_CONFIG']
  if (told === undefined) throw new Error('HEADROOM_CONFIG is not set: the harness starts this')
  const text = told === '-' ? await firstLineOfStdin() : told
  try {
    return JSON.parse(text)
  } catch {
    // The parser's message would quote the text, and the text may hold a password.
    throw new Error('the configuration is not valid JSON')
  }
}

/** The pipe stays open behind it: its end says that the parent died. */
async function firstLineOfStdin(): Promise<string> {
  process.stdin.setEncoding('utf8')
  let text = ''
  return await new Promise((resolve, reject) => {
    const hear = (piece: string): void => {
      text += piece
      const end = text.indexOf('\n')
      if (end < 0) return
      process.stdin.off('data', hear).off('end', broken)
      resolve(text.slice(0, end))
    }
    const broken = (): void => {
      reject(new Error('stdin ended before the configuration came'))
    }
    process.stdin.on('data', hear).once('end', broken)
  })
}

/** Resolves at SIGTERM, SIGINT or the end of a piped stdin. Call it before anything slow: an early stop is heard too. */
export async function stopAsked(): Promise<void> {
  const asked = [once(process, 'SIGTERM'), once(process, 'SIGINT')]
  if (stdinIsLifeline()) {
    process.stdin.resume()
    asked.push(once(process.stdin, 'end'), once(process.stdin, 'close'))
  }
  await Promise.race(asked)
}

/** A parent holds the other end of a pipe; a container's stdin is /dev/null, whose end says nothing. */
function stdinIsLifeline(): boolean {
  const stdin = fstatSync(0)
  return stdin.isFIFO() || stdin.isSocket()
}

/** To stderr, which the harness keeps as the part's log. */
export function logLine(line: string): void {
  process.stderr.write(`${new Date().toISOString()} ${line}\n`)
}
