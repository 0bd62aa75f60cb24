/** A rendered report as the files of its folder. In: what `renderReport` gave. Out: paths and contents, pictures drawn. */
import { drawCharts } from './draw.ts'
import type { RenderedReport } from './report.ts'

export interface ReportFile {
  /** Relative to the report’s folder, with forward slashes. */
  readonly path: string
  readonly content: string | Buffer
}

export const PAGE_FILE = 'index.html'

export async function reportFiles(rendered: RenderedReport): Promise<readonly ReportFile[]> {
  const drawn = await drawCharts(rendered.charts)
  return [
    { path: PAGE_FILE, content: rendered.html },
    { path: 'report.md', content: rendered.markdown },
    { path: 'junit.xml', content: rendered.junitXml },
    ...drawn.map(({ name, png }) => ({ path: `charts/${name}.png`, content: png })),
  ]
}
