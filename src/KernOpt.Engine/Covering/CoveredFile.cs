using KernOpt.Engine.Reports;

namespace KernOpt.Engine.Covering;

/// <summary>A function of a covered file: the line at which its code begins.</summary>
public sealed record CoveredFunction(string Name, int Line, bool IsHit);

/// <summary>
/// The lines of one file that have code, and whether any of it was run. Text: of a file that KernOpt makes itself, for a module that does not say where its code comes from; else null, and Path is
/// that of the source.
/// </summary>
public sealed record CoveredFile(string Module, string Path, IReadOnlyDictionary<int, bool> Lines, IReadOnlyList<CoveredFunction> Functions, IReadOnlyList<string>? Text = null)
{
    public int LinesHit => Lines.Values.Count(hit => hit);

    internal CoverFileRow Row => new(Module, Path, Lines.Count, LinesHit);
}
