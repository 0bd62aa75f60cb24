/**
 * One at a time, between processes. In: a file. Out: a hold on it; whoever comes second waits, and the lock of a process
 * that died is taken over.
 */
import { mkdirSync, readFileSync, rmSync, rmdirSync, statSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { ProcessIdentity } from './process-table.ts'
import { identityOf, isAlive } from './process-table.ts'

const LOOK_EVERY_MS = 100
/** Longer than anyone needs between making the guard and removing it. */
const TAKEOVER_STALE_MS = 10_000

export interface LockOptions {
  readonly signal: AbortSignal
  /** Told once, where somebody else holds it. */
  readonly onWait: (pid: number) => void
}

/** @throws the signal's reason while waiting */
export async function holdFile(file: string, options: LockOptions): Promise<Disposable> {
  mkdirSync(dirname(file), { recursive: true })
  let told = false
  while (!tryLock(file)) {
    const holder = holderOf(file)
    if (holder !== null && !isAlive(holder)) dropStaleLock(file, holder)
    else {
      if (!told && holder !== null) options.onWait(holder.pid)
      told ||= holder !== null
      await delay(LOOK_EVERY_MS, undefined, { signal: options.signal })
    }
  }
  return {
    [Symbol.dispose]: () => {
      rmSync(file, { force: true })
    },
  }
}

function tryLock(file: string): boolean {
  try {
    writeFileSync(file, JSON.stringify(identityOf(process.pid)), { flag: 'wx' })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

/** null where it has just gone, or is only half written. */
function holderOf(file: string): ProcessIdentity | null {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as ProcessIdentity
  } catch {
    return null
  }
}

/** A guard folder keeps two who wait from removing each other's new lock. */
function dropStaleLock(file: string, holder: ProcessIdentity): void {
  const guard = `${file}.takeover`
  try {
    mkdirSync(guard)
  } catch {
    const madeMs = statSync(guard, { throwIfNoEntry: false })?.mtimeMs
    if (madeMs !== undefined && Date.now() - madeMs > TAKEOVER_STALE_MS) {
      rmSync(guard, { recursive: true, force: true })
    }
    return
  }
  const now = holderOf(file)
  if (now?.pid === holder.pid && now.start === holder.start) rmSync(file, { force: true })
  rmdirSync(guard)
}
