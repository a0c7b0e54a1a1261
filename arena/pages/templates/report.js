// Draws the plots when they are scrolled near the screen, in the page's colours; sorts the tables.
"use strict";
(() => {
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const places = [...document.querySelectorAll("[data-figure]")];
  const drawn = new Set();

  // Replaces "--accent" with its value in the style sheet, light or dark: "#1858c4". A second word
  // is the opacity in hexadecimal: "--accent 29" becomes "#1858c429".
  function coloured(value, style) {
    if (typeof value === "string") {
      if (!value.startsWith("--")) return value;
      const [name, opacity = ""] = value.split(" ");
      return style.getPropertyValue(name).trim() + opacity;
    }
    if (Array.isArray(value)) return value.map((entry) => coloured(entry, style));
    if (value && typeof value === "object") {
      return Object.fromEntries(
        Object.entries(value).map(([key, entry]) => [key, coloured(entry, style)]),
      );
    }
    return value;
  }

  // The script is five megabytes long, so it runs only when the first plot is drawn.
  function plotly() {
    if (!window.Plotly) {
      const script = document.createElement("script");
      script.textContent = document.getElementById("plotly").textContent;
      document.head.append(script);
    }
    return window.Plotly;
  }

  const ownAxes = document.getElementById("own-axes");

  function draw(place) {
    const figure = figures[place.dataset.figure];
    if (!figure) return;
    const { data, layout, ranges } = coloured(figure, getComputedStyle(document.documentElement));
    // A smaller font leaves room for long names on a phone.
    if (place.clientWidth < 480) {
      layout.font.size = 11;
      // Names on the left leave less room for numbers below.
      Object.assign(layout.xaxis, { nticks: layout.yaxis.categoryarray ? 3 : 4, tickangle: 0 });
    }
    if (ranges) layout.yaxis.range = ownAxes && ownAxes.checked ? ranges.own : ranges.shared;
    if (layout.showlegend) showLegend(place, figure, layout.yaxis.range);
    layout.showlegend = false;
    plotly().react(place, data, layout, { displayModeBar: false, responsive: true });
    drawn.add(place);
    place.dataset.drawn = "yes";
  }

  // The legend is text above the plot, so it covers nothing and wraps on a narrow screen.
  function showLegend(place, figure, range) {
    const entries = figure.data
      .filter((trace) => trace.name && trace.showlegend !== false)
      .map((trace) => legendEntry(trace.name, ...markOf(trace)));
    for (const shape of figure.layout.shapes || []) {
      const above = !shape.yref && range && shape.y0 > range[1];
      const mark = shape.yref ? `upright ${shape.line.dash}` : shape.line.dash;
      entries.push(legendEntry(shape.name + (above ? " (above the plot)" : ""), mark, shape.line.color));
    }
    let list = place.previousElementSibling;
    if (!list || !list.matches(".legend")) {
      list = document.createElement("ul");
      list.className = "legend";
      place.before(list);
    }
    list.replaceChildren(...entries);
  }

  function markOf(trace) {
    if (trace.fill) return ["band", trace.fillcolor];
    if (trace.type === "box") return ["box", trace.line.color];
    if (trace.mode.startsWith("lines")) return [trace.line.dash || "solid", trace.line.color];
    return [trace.marker.symbol, trace.marker.color];
  }

  function legendEntry(name, mark, colour) {
    const [entry, sign] = [document.createElement("li"), document.createElement("span")];
    sign.className = `sign ${mark}`;
    sign.style.color = `var(${colour})`;
    entry.append(sign, name);
    return entry;
  }

  if (ownAxes) {
    ownAxes.addEventListener("change", () => {
      drawn.forEach((place) => figures[place.dataset.figure].ranges && draw(place));
    });
  }

  for (const place of places) {
    const figure = figures[place.dataset.figure];
    if (figure) place.style.minHeight = `${figure.layout.height}px`;
  }
  const watcher = new IntersectionObserver(
    (entries) => {
      for (const entry of entries) {
        if (entry.isIntersecting) {
          watcher.unobserve(entry.target);
          draw(entry.target);
        }
      }
    },
    { rootMargin: "400px" },
  );
  addEventListener("load", () => setTimeout(() => places.forEach((place) => watcher.observe(place))));

  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawn.forEach(draw));

  // For printing, all plots are drawn, all details are open, and the colours are light.
  const opened = [];
  addEventListener("beforeprint", () => {
    document.documentElement.classList.add("printing");
    for (const details of document.querySelectorAll("details:not([open])")) {
      details.open = true;
      opened.push(details);
    }
    places.forEach(draw);
  });
  addEventListener("afterprint", () => {
    document.documentElement.classList.remove("printing");
    opened.splice(0).forEach((details) => (details.open = false));
    drawn.forEach(draw);
  });

  function compare(first, second) {
    const numbers = [Number(first), Number(second)];
    return numbers.some(Number.isNaN) ? first.localeCompare(second) : numbers[0] - numbers[1];
  }

  // Cells without a value stay at the end in both directions.
  function sort(table, column, direction) {
    const body = table.tBodies[0];
    const key = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent;
    const rows = [...body.rows].sort((a, b) => {
      const [first, second] = [key(a), key(b)];
      if (first === "" || second === "") return (first === "") - (second === "");
      return direction * compare(first, second);
    });
    body.append(...rows);
  }

  for (const table of document.querySelectorAll("table.sortable")) {
    const headings = [...table.tHead.rows[0].cells];
    headings.forEach((heading, column) => {
      heading.querySelector("button").addEventListener("click", () => {
        const before = heading.getAttribute("aria-sort");
        // A column of numbers is first sorted with the highest on top.
        const first = heading.classList.contains("number") ? "descending" : "ascending";
        const other = first === "ascending" ? "descending" : "ascending";
        const now = before === first ? other : first;
        headings.forEach((one) => one.removeAttribute("aria-sort"));
        heading.setAttribute("aria-sort", now);
        sort(table, column, now === "ascending" ? 1 : -1);
      });
    });
  }
})();
