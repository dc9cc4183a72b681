using System.Diagnostics.CodeAnalysis;
using KernOpt.Target;

namespace KernOpt.Code.Images;

/// <summary>What the parser may ask about a program: its bytes, where functions begin, and what imported stubs are called.</summary>
public interface ICodeSource
{
    /// <summary>Copies live bytes; answers how many could be read.</summary>
    int Read(Address from, Span<byte> into);

    bool IsExecutable(Address address);

    /// <summary>
    /// All of the range is constant for as long as the module is loaded: mapped from a file, in a segment that the file never asks to be writable.
    /// (RELRO is not: the loader writes it.)
    /// </summary>
    bool IsConstantData(AddressRange range);

    /// <summary>The function whose range holds the address.</summary>
    Function? FunctionAt(Address address);

    /// <summary>The name of the import that the PLT stub at this address jumps to ("abort"), when it is one.</summary>
    bool TryGetImport(Address stub, [MaybeNullWhen(false)] out string name);

    /// <summary>The name of the symbol that the loader binds this word to, when it does: what <c>call [rip+slot]</c> calls.</summary>
    bool TryGetImportSlot(Address slot, [MaybeNullWhen(false)] out string name);
}
