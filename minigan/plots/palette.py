"""The pictures' colours: Okabe & Ito's, for all kinds of colour vision; dashes and markers distinguish lines as
well."""

BLUE, VERMILLION, GREEN = "#0072B2", "#D55E00", "#009E73"
INK, GREY = "#333333", "#999999"
