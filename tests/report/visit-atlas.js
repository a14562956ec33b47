found.start = [rows(), el("count").textContent];
found.colours = [type("which heads write colors?"), el("shown").value, el("count").textContent];
found.country = [type("country"), el("shown").value];
found.token = type("FRANCE");
found.out = [cell("L0H0").classList.contains("out"), cell("L1H0").classList.contains("out")];
found.script = type("<script>");
found.layer_name = type("l1");
found.both = type("red blue");
found.neither = type("red france");
found.all = type("");

found.layer = pick("layer", "0");
pick("layer", "");
pick("shown", "colours");
found.only = tick("only", true);
tick("only", false);

found.explained = sortBy("explained");
found.up = sortBy("explained");
found.head = sortBy("head");
found.sorted = document.querySelector("th[data-sort=head]").getAttribute("aria-sort");

pick("shown", "countries");
pick("score", "explained");
found.shares = [share("L1H0"), share("L0H0")];
point(cell("L1H0"), "pointerover");
found.title = [el("map").querySelector(".map-legend").textContent, el("shown-name").textContent, tip()];
pick("score", "specificity");
found.negative = ["L0H0", "L1H0"].map((head) => cell(head).classList.contains("negative"));
found.order = Array.from(el("map").querySelectorAll(".layer")).map((name) => name.textContent);

cell("L0H0").focus();
press("ArrowUp");
press("ArrowRight");
press("ArrowRight");
found.moved = focused();
press("ArrowDown");
found.down = focused();
found.stops = cells().filter((one) => one.getAttribute("tabindex") === "0").length;
found.hidden = el("detail").hidden;
press("Enter");
found.detail = [el("detail").hidden, el("detail").textContent, el("detail").querySelectorAll("script").length];
found.pressed = cell("L0H1").getAttribute("aria-pressed");
