using Iced.Intel;
using KernOpt.Code.Bodies;
using KernOpt.Live.Sites;
using KernOpt.Target;

namespace KernOpt.Live.Points;

/// <summary>Code to be run at points. It changes nothing that is live there but its own words, and ends by falling through.</summary>
public interface IPointProgram
{
    /// <summary>64-bit words of its own that each point gets, one or more; they start at zero.</summary>
    int Words { get; }

    /// <summary>No more bytes than this at any point.</summary>
    int MostBytes { get; }

    /// <summary>It looks at nothing but its own words, so that it may run anywhere between the instruction before the point and the end of the straight run.</summary>
    bool IsPlaceFree { get; }

    /// <summary>Rip-relative operands are given as absolute addresses.</summary>
    void Emit(Assembler code, in PointContext context);
}

/// <summary>A point's own words, and what may still be read after it: all else may be overwritten.</summary>
public readonly record struct PointContext(Address Words, LiveSet Live)
{
    public bool FlagsDead => (Live.Flags & PatchSites.StatusFlags) == 0;

    public Address Word(int index) => Words + 8 * (ulong)index;
}
