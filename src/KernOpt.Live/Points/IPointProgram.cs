using Iced.Intel;
using KernOpt.Code.Bodies;
using KernOpt.Code.Graphs;
using KernOpt.Live.Sites;
using KernOpt.Target;

namespace KernOpt.Live.Points;

/// <summary>Code to be run at points. It changes nothing that is live there but its own words, and ends by falling through.</summary>
public interface IPointProgram
{
    /// <summary>64-bit words of its own that each point gets, one or more; they start at zero.</summary>
    int Words { get; }

    /// <summary>64-bit words that all points installed together have in common; they start at zero.</summary>
    int SharedWords => 0;

    /// <summary>No more bytes than this at any point.</summary>
    int MostBytes { get; }

    /// <summary>It looks at nothing but its own words, so that it may run anywhere between the instruction before the point and the end of the straight run.</summary>
    bool IsPlaceFree { get; }

    /// <summary>It decides by where functions return to: calls must not be made from elsewhere for it.</summary>
    bool LooksAtCallers => false;

    /// <summary>Why it cannot run at a point; null where it can.</summary>
    Refusal? Check(FunctionGraph graph, Point point) => null;

    /// <summary>Fills the words of one point before its code can run; they are zero.</summary>
    void Prepare(Span<ulong> words)
    {
    }

    /// <summary>Rip-relative operands are given as absolute addresses. Only for points that <see cref="Check"/> lets pass. Ends by falling through, but for <see cref="PointContext.OutOfLine"/>.</summary>
    void Emit(Assembler code, in PointContext context);
}

/// <summary>
/// A point's number among those that are installed together, its own words, those in common, what may still be read after its code (all else may be overwritten), and how many bytes have been pushed
/// since the point: the return address, where its code is called, and what instructions behind the point have pushed, where it runs behind those. Registers and flags are as they are at the point.
/// </summary>
public readonly record struct PointContext(FunctionGraph Graph, Point Point, int Number, Address Words, Address Shared, LiveSet Live, int Pushed, OutOfLine OutOfLine)
{
    public bool FlagsDead => (Live.Flags & PatchSites.StatusFlags) == 0;

    public Address Word(int index) => Words + 8 * (ulong)index;

    public Address SharedWord(int index) => Shared + 8 * (ulong)index;
}
