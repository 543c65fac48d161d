"""The picture for the README: time a clip by library, 1, 10 and 30 s. Needs matplotlib."""
import os

from .contenders import CONTENDERS, OURS

BLUE, GREY = "#1f5fbf", "#8a8f98"
MARKERS = ("o", "s", "D", "^", "v")
LEFT_OUT = ("melstream (rows first)", "librosa (melspectrogram)", "numpy")  # second forms of a library, and no library


def draw(path, measured, form, subtitle):
    """One row a library, the fastest above, one mark a length: one clip a call, one thread, fastest round."""
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot

    times = {}
    for one in measured:
        if one.case.form == form and (one.case.n_clips, one.case.n_threads) == (1, 1) and one.times and not one.not_measured:
            times.setdefault(one.contender, {})[one.case.seconds] = min(one.times) / 1e6
    times = {name: found for name, found in times.items() if CONTENDERS[name].device == "cpu" and name not in LEFT_OUT}
    if not times:
        raise ValueError("nothing was measured with one clip and one thread")
    names = sorted(times, key=lambda name: times[name][max(times[name])], reverse=True)
    lengths = sorted({seconds for found in times.values() for seconds in found})

    figure, axes = pyplot.subplots(figsize=(9.0, 1.6 + 0.42 * len(names)), dpi=150)
    for row, name in enumerate(names):
        colour = BLUE if name == OURS["cpu"] else GREY
        found = times[name]
        axes.plot([min(found.values()), max(found.values())], [row, row], color=colour, linewidth=1.2, alpha=0.5, zorder=1)
        for seconds, marker in zip(lengths, MARKERS):
            if seconds in found:
                axes.scatter(found[seconds], row, color=colour, marker=marker, s=48, zorder=2)
        longest = max(found.values())
        axes.annotate("%.3g ms" % longest, (longest, row), xytext=(8, 0), textcoords="offset points", va="center", fontsize=9,
                      color=colour)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(lambda value, _: "%g" % value)
    axes.set_ylim(-0.6, len(names) + 0.1)
    axes.set_xlim(right=axes.get_xlim()[1] * 2.0)
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("milliseconds a clip (log scale)")
    axes.set_title(subtitle, fontsize=10, loc="left")
    axes.grid(axis="x", which="major", color="#d9dce1", linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(axis="y", length=0)
    handles = [axes.scatter([], [], color="#444444", marker=marker, s=36, label="%g s" % seconds)
               for seconds, marker in zip(lengths, MARKERS)]
    axes.legend(handles=handles, loc="upper right", frameon=False, title="clip")
    figure.tight_layout()
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    figure.savefig(path, facecolor="white")
    pyplot.close(figure)
