"""The few requests of man(7) that the pages need."""


def escape(text):
    """Text as it stands: no request, no hyphen that becomes a typographic one in what is typed."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    # Behind a line's first character a leading dot or quote is no request.
    return "\n".join("\\&" + line if line.startswith((".", "'")) else line for line in text.split("\n"))


def bold(text):
    return "\\fB%s\\fR" % escape(text)


def italic(text):
    return "\\fI%s\\fR" % escape(text)


def title(name, section, version):
    return '.TH %s %s "" "melstream %s"\n' % (name.upper(), section, version)


def heading(text):
    return ".SH %s\n" % escape(text.upper())


def subheading(text):
    return ".SS %s\n" % escape(text)


def paragraph(text):
    return ".PP\n%s\n" % escape(text)


def tagged(tag, text):
    """tag is roff already."""
    return ".TP\n%s\n%s\n" % (tag, escape(text))


def verbatim(text):
    return ".PP\n.nf\n.RS\n%s\n.RE\n.fi\n" % escape(text.strip("\n"))
