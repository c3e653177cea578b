// What a page says about itself once it is drawn.
//
// Pure data.

export interface DrawnPanel {
  id: number;
  /** Drawn by Grafana's own component, or by hand from the same data. */
  original: boolean;
  frames: number;
  /** Of all frames together. */
  rows: number;
  hasData: boolean;
  /** What a person reads in it, besides the axes of plots. */
  text: string;
  links: string[];
  problems: string[];
}

export interface DrawnPage {
  panels: DrawnPanel[];
  /** Links and text of the page's head. */
  links: string[];
  text: string;
  height: number;
}
