using System.Collections.Immutable;
using KernOpt.Code.Graphs;
using KernOpt.Live.Points;
using KernOpt.Probes.Compile;
using KernOpt.Probes.Language;
using KernOpt.Target;

namespace KernOpt.Probes;

/// <summary>Where a program writes down what threads have passed, and where its action happens: those points may be the same.</summary>
/// <param name="Asked">Instructions before which the action happens; null for all.</param>
/// <param name="Sets">Instructions that set a flag, by its name.</param>
/// <param name="Clears">Instructions that clear it.</param>
public sealed record MarkPlaces(IReadOnlySet<Address>? Asked, ILookup<Address, string> Sets, ILookup<Address, string> Clears)
{
    public static readonly MarkPlaces None = new(null, Array.Empty<Address>().ToLookup(a => a, _ => ""), Array.Empty<Address>().ToLookup(a => a, _ => ""));

    internal bool IsAsked(Point point) => Asked?.Contains(point.At) ?? true;

    /// <summary>Marks that change at a point; those of calls that begin there first, those of calls that end last.</summary>
    internal ImmutableArray<ThreadMark> At(FunctionGraph graph, Point point, IEnumerable<ThreadMark> marks) => [.. marks.Where(m => m switch
    {
        Inside inside => inside.Function.Start == graph.Function.Start && (FunctionEntry.IsAt(graph, point) || FunctionExit.IsAt(point)),
        Flag flag => Sets[point.At].Contains(flag.Name) || Clears[point.At].Contains(flag.Name),
        _ => false,
    })];
}
