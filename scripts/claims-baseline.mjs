// Measures every claim and keeps the record: results/baselines/claims/, and the table of verdicts in docs/claims.md.
//   npm run claims                        all of it, less than a quarter of an hour on a quiet machine
//   npm run claims -- --from <folder>     keep a study that was made before
import { execFileSync } from 'node:child_process'
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const baseline = join(root, 'results', 'baselines', 'claims')
const page = join(root, 'docs', 'claims.md')

const from = process.argv.indexOf('--from')
const study =
  from === -1 ? measured() : { dir: resolve(process.argv[from + 1] ?? ''), done: () => {} }
mkdirSync(baseline, { recursive: true })
if (study.dir !== baseline)
  copyFileSync(join(study.dir, 'study.json'), join(baseline, 'study.json'))
study.done()

const { judgeClaims } = await import('../dist/src/judge/claims.js')
const { claimsPageText } = await import('../dist/src/report/claims-markdown.js')
const findings = judgeClaims(JSON.parse(readFileSync(join(baseline, 'study.json'), 'utf8')))
writeFileSync(page, claimsPageText(readFileSync(page, 'utf8'), findings))
console.log(findings.verdict)

/** In a folder of its own, so that the recorded command names none of this machine's. */
function measured() {
  const dir = mkdtempSync(join(tmpdir(), 'headroom-claims-'))
  const command = [join(root, 'dist', 'src', 'cli', 'main.js'), 'claims']
  execFileSync(process.execPath, command, { cwd: dir, stdio: 'inherit' })
  const [id] = readdirSync(join(dir, 'results'))
  const done = () => rmSync(dir, { recursive: true, force: true })
  return { dir: join(dir, 'results', id), done }
}
