import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { afterAll } from 'vitest';
import { findTool, isRoot } from './requirements.js';

const path = findTool('chromium');

export interface Visit {
  readonly page: Page;
  /**
   * Messages of the page's console and errors of its scripts, violations of its content security
   * policy included.
   */
  readonly complaints: readonly string[];
  /** The URLs that the page has requested. */
  readonly requests: readonly string[];
}

/**
 * Debian's browser, for a file of tests (`needs(hasTool('chromium'), …)`). Each visit has a new
 * browser context.
 */
export class Chromium {
  #browser: Promise<Browser> | undefined;

  constructor() {
    afterAll(async () => await (await this.#browser)?.close());
  }

  async visit(url: string, options: BrowserContextOptions = {}): Promise<Visit> {
    this.#browser ??= chromium.launch({
      ...(path !== undefined && { executablePath: path }),
      args: isRoot() ? ['--no-sandbox'] : [], // root cannot have a sandbox
    });
    const context = await (await this.#browser).newContext(options);
    const page = await context.newPage();
    const complaints: string[] = [];
    const requests: string[] = [];
    page.on('console', (message) => {
      if (message.type() !== 'log') complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('request', (request) => requests.push(request.url()));
    await page.goto(url);
    return { page, complaints, requests };
  }
}
