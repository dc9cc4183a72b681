using System.Globalization;
using System.Text;
using System.Xml.Linq;

namespace KernOpt.Engine.Covering;

/// <summary>Coverage in the forms that other tools read. It says whether code was run, not how often: counts are 1 or 0.</summary>
public static class CoverageFiles
{
    /// <summary>lcov's tracefile (geninfo(1)).</summary>
    public static string Lcov(IReadOnlyList<CoveredFile> files, Func<CoveredFile, string> pathOf)
    {
        var text = new StringBuilder();
        foreach (var file in files)
        {
            text.Append(CultureInfo.InvariantCulture, $"TN:\nSF:{pathOf(file)}\n");
            // Two functions of one name (static ones of several files that a header defines) are one: run if any is.
            var functions = file.Functions.GroupBy(f => f.Name).Select(g => g.First() with { IsHit = g.Any(f => f.IsHit) }).OrderBy(f => f.Line).ThenBy(f => f.Name, StringComparer.Ordinal).ToList();
            foreach (var function in functions) text.Append(CultureInfo.InvariantCulture, $"FN:{function.Line},{function.Name}\n");
            foreach (var function in functions) text.Append(CultureInfo.InvariantCulture, $"FNDA:{(function.IsHit ? 1 : 0)},{function.Name}\n");
            text.Append(CultureInfo.InvariantCulture, $"FNF:{functions.Count}\nFNH:{functions.Count(f => f.IsHit)}\n");
            foreach (var (line, hit) in file.Lines.OrderBy(l => l.Key)) text.Append(CultureInfo.InvariantCulture, $"DA:{line},{(hit ? 1 : 0)}\n");
            text.Append(CultureInfo.InvariantCulture, $"LF:{file.Lines.Count}\nLH:{file.LinesHit}\nend_of_record\n");
        }
        return text.ToString();
    }

    /// <summary>Cobertura's coverage-04.dtd: a package for each module, a class for each file.</summary>
    public static string Cobertura(IReadOnlyList<CoveredFile> files, Func<CoveredFile, string> pathOf, DateTimeOffset now)
    {
        var root = new XElement("coverage", Lines(files), new XAttribute("branch-rate", "0"), new XAttribute("branches-covered", "0"), new XAttribute("branches-valid", "0"), new XAttribute("complexity", "0"),
            new XAttribute("version", "kernopt"), new XAttribute("timestamp", now.ToUnixTimeSeconds()),
            new XElement("sources", new XElement("source", "/")),
            new XElement("packages", files.GroupBy(f => f.Module).Select(m => new XElement("package", new XAttribute("name", m.Key), Rates([.. m]),
                new XElement("classes", m.Select(f => Class(f, pathOf(f))))))));
        return new XDocument(new XDocumentType("coverage", null, "http://cobertura.sourceforge.net/xml/coverage-04.dtd", null), root).ToString();
    }

    private static XElement Class(CoveredFile file, string path) => new("class", new XAttribute("name", Path.GetFileName(path)), new XAttribute("filename", path.TrimStart('/')), Rates([file]),
        new XElement("methods"), new XElement("lines", file.Lines.OrderBy(l => l.Key).Select(l => new XElement("line", new XAttribute("number", l.Key), new XAttribute("hits", l.Value ? 1 : 0), new XAttribute("branch", "false")))));

    private static object[] Rates(IReadOnlyList<CoveredFile> files) => [Rate(files), new XAttribute("branch-rate", "0"), new XAttribute("complexity", "0")];

    private static object[] Lines(IReadOnlyList<CoveredFile> files) =>
        [Rate(files), new XAttribute("lines-covered", files.Sum(f => f.LinesHit)), new XAttribute("lines-valid", files.Sum(f => f.Lines.Count))];

    private static XAttribute Rate(IReadOnlyList<CoveredFile> files)
    {
        var all = files.Sum(f => f.Lines.Count);
        return new XAttribute("line-rate", (all == 0 ? 0 : (double)files.Sum(f => f.LinesHit) / all).ToString("0.0###", CultureInfo.InvariantCulture));
    }
}
