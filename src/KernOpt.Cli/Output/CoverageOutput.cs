using KernOpt.Engine.Covering;
using KernOpt.Target;

namespace KernOpt.Cli.Output;

/// <summary>Coverage as a file. Where a module does not tell its sources, a listing of its blocks is written beside it, and stands for them.</summary>
internal static class CoverageOutput
{
    public static Outcome<Done> Write(string path, IReadOnlyList<CoveredFile> files, Func<IReadOnlyList<CoveredFile>, Func<CoveredFile, string>, string> textOf)
    {
        try
        {
            foreach (var listed in files.Where(f => f.Text is not null)) File.WriteAllLines(ListingOf(path, listed), listed.Text!);
            File.WriteAllText(path, textOf(files, f => f.Text is null ? f.Path : ListingOf(path, f)));
            return Done.It;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return Reasons.FileNotWritable.With(e.Message);
        }
    }

    private static string ListingOf(string path, CoveredFile file) => Path.GetFullPath($"{path}.{file.Module}.blocks");
}
