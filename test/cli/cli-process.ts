/** Runs the compiled command line as a user's shell would, in an empty folder of its own. */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
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
  /** Asked with all stderr so far after each piece; a signal name is sent once. */
  readonly interruptWhen?: (stderr: string) => NodeJS.Signals | null
}

export function temporaryFolder(): { readonly path: string; readonly remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'headroom-cli-'))
  return {
    path,
    remove: () => {
      rmSync(path, { recursive: true, force: true })
    },
  }
}

export async function headroom(args: readonly string[], options: CliOptions): Promise<CliResult> {
  const child = spawn(process.execPath, [compiledEntry('src/cli/main.ts'), ...args], {
    cwd: options.cwd,
    env: { PATH: process.env['PATH'] ?? '', HOME: options.cwd, NO_COLOR: '1', ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  let interrupted = false
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
    const signal = interrupted ? null : (options.interruptWhen?.(stderr) ?? null)
    if (signal !== null) {
      interrupted = true
      child.kill(signal)
    }
  })
  return await new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (exitCode, signal) => {
      resolve({ exitCode, signal, stdout, stderr })
    })
  })
}
