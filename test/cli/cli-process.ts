/** Runs the compiled command line as a user's shell would, in an empty folder of its own. */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compiledEntry } from '../../src/kit/paths.ts'

export interface CliResult {
  readonly exitCode: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface CliOptions {
  readonly cwd: string
  readonly env?: Readonly<Record<string, string>>
  /** Asked with all stderr so far after each piece; the first signal it names is sent, once. */
  readonly interruptWhen?: (stderr: string) => NodeJS.Signals | null
}

export interface CliProcess {
  readonly child: ChildProcess
  /** Resolves when stderr matches, or when the process has ended. */
  said(pattern: RegExp): Promise<void>
  readonly ended: Promise<CliResult>
}

export function temporaryFolder(): { readonly path: string; readonly remove: () => void } {
  const path = realpathSync(mkdtempSync(join(tmpdir(), 'headroom-cli-')))
  return {
    path,
    remove: () => {
      rmSync(path, { recursive: true, force: true })
    },
  }
}

export async function headroom(args: readonly string[], options: CliOptions): Promise<CliResult> {
  return await startHeadroom(args, options).ended
}

export function startHeadroom(args: readonly string[], options: CliOptions): CliProcess {
  const child = spawn(process.execPath, [compiledEntry('src/cli/main.ts'), ...args], {
    cwd: options.cwd,
    env: { PATH: process.env['PATH'] ?? '', HOME: options.cwd, NO_COLOR: '1', ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  let interrupted = false
  const listeners = new Set<() => void>()
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
    for (const listener of listeners) listener()
    const signal = interrupted ? null : (options.interruptWhen?.(stderr) ?? null)
    if (signal !== null) {
      interrupted = true
      child.kill(signal)
    }
  })
  const ended = new Promise<CliResult>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (exitCode, signal) => {
      resolve({ exitCode, signal, stdout, stderr })
    })
  })
  return {
    child,
    ended,
    said: async (pattern) => {
      const matched = new Promise<void>((resolve) => {
        const look = (): void => {
          if (pattern.test(stderr)) resolve()
        }
        listeners.add(look)
        look()
      })
      await Promise.race([matched, ended])
    },
  }
}
