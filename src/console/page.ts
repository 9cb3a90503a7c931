/** The console's page. The build puts the real one here; run from source there is only this note. */

export const CONSOLE_PAGE: string = `<!doctype html><meta charset="utf-8"><title>mobius</title>
<p>The page is made by the build: <code>npm run build</code>, then run <code>dist/main.js</code>.`;
